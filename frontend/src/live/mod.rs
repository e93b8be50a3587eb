//! The panel on the right: what runs just now, goroutines, processes.

pub mod goroutines;
pub mod layout;
pub mod now;
pub mod processes;
pub mod trace;

use leptos::prelude::*;

use crate::session::Session;
use crate::session::url::Panel;
use crate::ui::dynamic::{click, flag, memo, part, text};
use goroutines::Goroutines;
use now::Now;
use processes::Processes;

/// The panel with its tabs.
#[component]
pub fn LivePanel() -> impl IntoView {
    let session = Session::expect();
    let panel = memo(move || session.route.with(|route| route.panel));
    view! {
            <div class="tabs" role="tablist" aria-label="Live">
                {Panel::ALL.iter().map(|&item| view! {
                    <button
                        role="tab"
                        id=format!("tab-{}", item.word())
                        aria-controls="live-panel"
                        aria-selected=flag(move || panel.get() == item)
                        on:click=click(move || session.adjust(|route| route.panel = item))
                    >
                        {match item {
                            Panel::Now => "Just now",
                            Panel::Goroutines => "Goroutines",
                            Panel::Processes => "Processes",
                        }}
                    </button>
                }).collect_view()}
            </div>
            <div
                id="live-panel"
                class="tab-body"
                role="tabpanel"
                aria-labelledby=text(move || format!("tab-{}", panel.get().word()))
            >
                {part(move || match panel.get() {
                    Panel::Now => view! { <Now/> }.into_any(),
                    Panel::Goroutines => view! { <Goroutines/> }.into_any(),
                    Panel::Processes => view! { <Processes/> }.into_any(),
                })}
            </div>
    }
}
