//! What knows nothing of coverage: markup, rows, lists, text.

pub mod bind;
pub mod dom;
pub mod fuzzy;
pub mod list;
pub mod order;
pub mod rows;
pub mod splitter;
pub mod state;
pub mod text;
