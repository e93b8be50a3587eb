//! Source maps: which place of which original a place of generated code comes from.
//!
//! Spec: ECMA-426, <https://tc39.es/ecma426/>. `mappings` has a group for each generated line, with
//! segments of base 64 VLQs: column, and by how much source, original line and original column
//! differ from those of the segment before. Lines and columns are 0-based here, columns UTF-16
//! code units.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::ReadError;
use crate::limits::Budget;

/// A map as JSON has it. Maps of maps, `sections`, are not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Json {
    #[serde(default)]
    sources: Vec<Option<String>>,
    #[serde(default)]
    sources_content: Vec<Option<String>>,
    #[serde(default)]
    source_root: Option<String>,
    #[serde(default)]
    mappings: String,
}

impl Json {
    /// Bytes of the paths of all sources from a script whose own has so many.
    pub(crate) fn joined_bytes(&self, script: usize) -> usize {
        let root = self.source_root.as_ref().map_or(0, String::len);
        self.sources.len().saturating_mul(script.saturating_add(root))
    }
}

/// A place in an original: its position among the sources, line and column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Original {
    pub(crate) source: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A map that can be asked.
#[derive(Debug, Default)]
pub(crate) struct SourceMap {
    /// Names as the map gives them, with its root, and their text if it is there.
    pub(crate) sources: Vec<(String, Option<String>)>,
    /// By generated line: column and original, ascending.
    lines: Vec<Vec<(usize, Original)>>,
    /// Mapped columns of each line of an original, ascending.
    columns: BTreeMap<(usize, usize), Vec<usize>>,
}

impl SourceMap {
    /// The map, or what is wrong with it.
    pub(crate) fn new(json: Json) -> Result<Self, &'static str> {
        let mut map = Self::default();
        let root = json.source_root.unwrap_or_default();
        let mut contents = json.sources_content.into_iter();
        for source in json.sources {
            let name = source.unwrap_or_default();
            let slash = if root.is_empty() || root.ends_with('/') { "" } else { "/" };
            map.sources.push((format!("{root}{slash}{name}"), contents.next().flatten()));
        }
        let (mut source, mut line, mut column) = (0i64, 0i64, 0i64);
        for group in json.mappings.split(';') {
            let mut generated = 0i64;
            let mut segments = Vec::new();
            for segment in group.split(',').filter(|segment| !segment.is_empty()) {
                let fields = vlqs(segment).ok_or("its mappings are no base 64 VLQs")?;
                generated += fields.first().copied().unwrap_or(0);
                let [_, by_source, by_line, by_column, ..] = fields[..] else { continue };
                (source, line, column) = (source + by_source, line + by_line, column + by_column);
                let position = |value: i64| usize::try_from(value).ok();
                let original = position(source)
                    .filter(|source| *source < map.sources.len())
                    .zip(position(line).zip(position(column)));
                let Some((source, (line, column))) = original else {
                    return Err("its mappings lead to no source");
                };
                let original = Original { source, line, column };
                segments.push((position(generated).ok_or("a column is below zero")?, original));
                map.columns.entry((source, line)).or_default().push(column);
            }
            segments.sort_by_key(|segment| segment.0);
            map.lines.push(segments);
        }
        for columns in map.columns.values_mut() {
            columns.sort_unstable();
            columns.dedup();
        }
        Ok(map)
    }

    /// Where a place comes from: the segment that it is in, or else the first of its line.
    pub(crate) fn original(&self, line: usize, column: usize) -> Option<Original> {
        let found = self.before(line, column).or_else(|| self.after(line, column))?;
        // Code that a tool put into a line belongs to the line's start.
        let start = self.before(line, 0).filter(|start| start.line > found.line);
        Some(start.unwrap_or(found))
    }

    /// The original of the last segment that starts here or before.
    fn before(&self, line: usize, column: usize) -> Option<Original> {
        let segments = self.lines.get(line)?;
        let at = segments.partition_point(|segment| segment.0 <= column);
        segments.get(at.checked_sub(1)?).map(|segment| segment.1)
    }

    /// The original of the first segment that starts here or later.
    pub(crate) fn after(&self, line: usize, column: usize) -> Option<Original> {
        let segments = self.lines.get(line)?;
        let at = segments.partition_point(|segment| segment.0 < column);
        segments.get(at).map(|segment| segment.1)
    }

    /// Where the mapped stretch ends that starts at this place: the next mapped column of the
    /// line; `None` for its end.
    pub(crate) fn end(&self, start: Original) -> Option<usize> {
        let columns = self.columns.get(&(start.source, start.line))?;
        columns.get(columns.partition_point(|column| *column <= start.column)).copied()
    }

    /// As much as can be told of the lines of an original without its text: how far mappings go.
    ///
    /// # Errors
    /// They go further than all originals together may.
    pub(crate) fn extents(
        &self,
        source: usize,
        budget: &mut Budget,
    ) -> Result<Vec<usize>, ReadError> {
        let mut extents = Vec::new();
        for (&(_, line), columns) in self.columns.range((source, 0)..=(source, usize::MAX)) {
            if line > crate::limits::LINE as usize {
                break;
            }
            budget.take(line.saturating_add(1).saturating_sub(extents.len()))?;
            extents.resize(line, 0);
            extents.push(columns.last().copied().unwrap_or(0));
        }
        Ok(extents)
    }
}

/// The numbers of a segment: five bits each, the sixth for more, the lowest of all for minus.
fn vlqs(segment: &str) -> Option<Vec<i64>> {
    let mut values = Vec::with_capacity(5);
    let (mut value, mut shift) = (0i64, 0u32);
    for byte in segment.trim().bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        if shift > 30 {
            return None;
        }
        value |= i64::from(digit & 31) << shift;
        shift += 5;
        if digit < 32 {
            values.push(if value & 1 == 1 { -(value >> 1) } else { value >> 1 });
            (value, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(mappings: &str) -> Result<SourceMap, &'static str> {
        let sources = vec![Some("a.ts".to_owned()), None];
        let json = Json {
            sources,
            sources_content: vec![Some("text".to_owned())],
            source_root: Some("src".to_owned()),
            mappings: mappings.to_owned(),
        };
        SourceMap::new(json)
    }

    #[test]
    fn numbers_are_zigzags_of_five_bits() {
        assert_eq!(vlqs("AACgB"), Some(vec![0, 0, 1, 16]));
        assert_eq!(vlqs("DgggggC"), Some(vec![-1, 1 << 25]));
        assert_eq!((vlqs("g"), vlqs("!"), vlqs("gggggggggggggA")), (None, None, None));
    }

    #[test]
    fn places_come_from_the_segment_that_they_are_in() {
        // Line 1: column 2 from 0:0, column 6 from 0:4; line 2: column 0 from 1:2.
        let map = map(";EAAA,IAAI;AACF").unwrap();
        let at = |line, column| Original { source: 0, line, column };
        assert_eq!(map.sources[0], ("src/a.ts".to_owned(), Some("text".to_owned())));
        assert_eq!(map.original(0, 0), None);
        assert_eq!(map.original(1, 0), Some(at(0, 0)));
        assert_eq!(map.original(1, 7), Some(at(0, 4)));
        assert_eq!(map.after(1, 3), Some(at(0, 4)));
        assert_eq!(map.original(2, 5), Some(at(1, 2)));
        assert_eq!((map.end(at(0, 0)), map.end(at(0, 4))), (Some(4), None));
        let mut budget = Budget::new(3, "lines");
        assert_eq!(map.extents(0, &mut budget).unwrap(), [4, 2]);
        let error = map.extents(0, &mut budget).unwrap_err();
        assert_eq!(error.to_string(), "more than 3 lines");
    }

    #[test]
    fn maps_that_lead_nowhere_are_refused() {
        assert_eq!(map("AEAA").unwrap_err(), "its mappings lead to no source");
        assert_eq!(map("AADA").unwrap_err(), "its mappings lead to no source");
        assert_eq!(map("A!").unwrap_err(), "its mappings are no base 64 VLQs");
    }
}
