//! Names of branches and arms: mostly small numbers, millions of times.

use std::collections::HashMap;

use coverage::{LabelIdx, ProfileBuilder};

/// A name: a number, or an entry of [`Labels`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name(u32);

/// Set in names that are no number.
const IS_TEXT: u32 = 1 << 31;

impl Name {
    /// A number as a name, unless it is too high for that.
    pub(super) fn number(number: u64) -> Option<Self> {
        u32::try_from(number).ok().filter(|number| number & IS_TEXT == 0).map(Self)
    }
}

#[derive(Debug, Default)]
pub(super) struct Labels {
    texts: Vec<String>,
    known: HashMap<String, u32>,
    /// Labels of numbers, as far as they are small and were met.
    numbers: Vec<Option<LabelIdx>>,
}

/// Numbers that are remembered.
const SMALL: usize = 4_096;

impl Labels {
    /// The name that this text is.
    pub(super) fn name(&mut self, text: &[u8]) -> Name {
        let text = String::from_utf8_lossy(text);
        let is_number = !(text.len() > 1 && text.starts_with(['0', '+']));
        if let Some(number) = text.parse().ok().filter(|_| is_number).and_then(Name::number) {
            return number;
        }
        let next = u32::try_from(self.texts.len()).unwrap_or(u32::MAX) | IS_TEXT;
        let name = *self.known.entry(text.into_owned()).or_insert_with_key(|text| {
            self.texts.push(text.clone());
            next
        });
        Name(name)
    }

    /// The label of a name in the profile that is being built.
    pub(super) fn label(&mut self, name: Name, builder: &mut ProfileBuilder) -> LabelIdx {
        let index = (name.0 & !IS_TEXT) as usize;
        if name.0 & IS_TEXT != 0 {
            return builder.label(self.texts.get(index).map_or("", String::as_str));
        }
        if let Some(Some(label)) = self.numbers.get(index) {
            return *label;
        }
        let label = builder.label(&index.to_string());
        if index < SMALL {
            if self.numbers.len() <= index {
                self.numbers.resize(index + 1, None);
            }
            if let Some(known) = self.numbers.get_mut(index) {
                *known = Some(label);
            }
        }
        label
    }
}
