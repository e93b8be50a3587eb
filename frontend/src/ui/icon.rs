//! Icons, 16 by 16, drawn with the colour of the text.

use leptos::prelude::*;

/// An icon by name; nothing for a name that there is not.
pub fn icon(name: &'static str) -> AnyView {
    let path = match name {
        "pause" => "M5 3v10M11 3v10",
        "play" => "M4.5 3v10l8-5z",
        "mark" => "M4 2v12M4 3h8l-2 3 2 3H4",
        "stop" => "M4 4h8v8H4z",
        "reset" => "M3 8a5 5 0 1 0 1.6-3.7M3 2.5v3h3",
        "download" => "M8 2v8M4.5 7 8 10.5 11.5 7M3 13.5h10",
        "help" => "M5.8 6a2.2 2.2 0 1 1 3.2 2c-.8.4-1 .9-1 1.6M8 12.2v.4",
        "search" => "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.3 10.3 14 14",
        "close" => "m4 4 8 8M12 4l-8 8",
        "up" => "M3.5 10 8 5.5l4.5 4.5",
        "down" => "M3.5 6 8 10.5 12.5 6",
        "link" => {
            "M6.5 9.5l3-3M7 4.5 8.6 3a2.8 2.8 0 0 1 4 4L11 8.600M5 7.400 3.400 9a2.800 2.800 0 0 0 4 4L9 11.500"
        }
        "trace" => "M2 8h3l2-5 3 10 1.500-5H14",
        "system" => "M2.500 3.500h11v7h-11zM6 13.500h4M8 10.500v3",
        "light" => {
            "M8 5.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600M8 1.500v1.500M8 13v1.500M1.500 8H3M13 8h1.500M3.400 3.400l1 1M11.600 11.600l1 1M3.400 12.600l1-1M11.600 4.400l1-1"
        }
        "dark" => "M13 9.500A5.500 5.500 0 0 1 6.500 3a5.500 5.500 0 1 0 6.500 6.500",
        "panel" => "M2.500 3h11v10h-11zM10 3v10",
        "files" => "M2 4h4l1.500 2H14v7H2z",
        "code" => "M5.500 4.500 2 8l3.500 3.500M10.500 4.500 14 8l-3.500 3.500",
        "pulse" => "M1.500 8.500h3l1.500-4 3 7 2-5 1 2h2.500",
        "trash" => "M3 4.500h10M6.500 4.500v-2h3v2M4.500 4.500l.600 9h5.800l.600-9",
        _ => "",
    };
    view! {
        <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path d=path></path>
        </svg>
    }
    .into_any()
}
