//! Brings the page to life.

fn main() {
    console_error_panic_hook::set_once();
    // It mounts nothing, but makes the owner of all that reacts.
    leptos::mount::mount_to_body(frontend::app::start);
}
