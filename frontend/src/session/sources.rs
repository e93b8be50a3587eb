//! Sources, fetched once and kept by their hash.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use wire::SourceId;

use super::api::{self, ApiError};
use super::embedded;
use super::model::hex;
use super::opened;

/// Sources that are kept.
const KEPT: usize = 64;

thread_local! {
    static SOURCES: RefCell<VecDeque<(SourceId, Rc<str>)>> = const { RefCell::new(VecDeque::new()) };
}

/// The source, if it is at hand.
pub fn known(id: SourceId) -> Option<Rc<str>> {
    SOURCES.with_borrow(|sources| {
        sources.iter().find(|(known, _)| *known == id).map(|(_, text)| text.clone())
    })
}

/// The source of a file, from what was opened or from the relay if need be.
///
/// # Errors
/// Why there is none.
pub async fn get(id: SourceId, path: &str) -> Result<Rc<str>, ApiError> {
    if id == SourceId::UNKNOWN {
        return opened::source(path).await.ok_or(ApiError::NotFound);
    }
    if let Some(text) = known(id) {
        return Ok(text);
    }
    let name = hex(&id.0);
    let text: Rc<str> = match embedded::source(&name) {
        Some(text) => text.ok_or(ApiError::NotFound)?.into(),
        None => api::source(&name).await?.into(),
    };
    SOURCES.with_borrow_mut(|sources| {
        sources.push_back((id, text.clone()));
        if sources.len() > KEPT {
            sources.pop_front();
        }
    });
    Ok(text)
}
