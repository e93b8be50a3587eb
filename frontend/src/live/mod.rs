//! The panel on the right: what runs just now, goroutines, processes.

pub mod goroutines;
pub mod layout;
pub mod now;
pub mod processes;
pub mod trace;

use crate::session::Session;
use crate::session::url::Panel;
use crate::ui::bind::{self, attribute, by_id, click, effect, flag, memo};

/// Brings the panel in `index.html` to life.
pub fn bind(session: Session) {
    // What runs just now is nothing in a profile from files.
    let panel = memo(move || {
        session.route.with(|route| match route.panel {
            Panel::Now | Panel::Goroutines if route.scope.is_opened() => Panel::Opened,
            panel => panel,
        })
    });
    for &item in Panel::ALL {
        let button = by_id(&format!("tab-{}", item.word()));
        flag(&button, "aria-selected", move || panel.get() == item);
        click(&button, move || session.adjust(|route| route.panel = item));
    }
    let place = by_id("live-panel");
    attribute(&place, "aria-labelledby", move || format!("tab-{}", panel.get().word()));
    effect(move || {
        let panel = panel.get();
        let body = bind::copy(&format!("panel-{}", panel.word()));
        place.set_text_content(None);
        let _ = place.append_child(&body);
        match panel {
            Panel::Now => now::bind(session, &body),
            Panel::Goroutines => goroutines::bind(session, &body),
            Panel::Processes => processes::bind(session, &body),
            Panel::Opened => crate::open::list::bind(session, &body),
        }
    });
}
