//! What knows nothing of coverage: rows, lists, text, icons.

pub mod bind;
pub mod dom;
pub mod dynamic;
pub mod fuzzy;
pub mod icon;
pub mod list;
pub mod order;
pub mod rows;
pub mod splitter;
pub mod state;
pub mod text;
