//! The document of traces: binds the markup of `static/trace.html`, and hands on to the worker
//! what is dropped, pointed at and typed.

mod address;
mod around;
mod desk;
mod detail;
mod flat;
mod flow;
mod frame;
mod gallery;
mod input;
mod source;
mod space;
mod tables;
mod tools;

fn main() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(desk::start);
}
