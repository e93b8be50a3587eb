//! What reading comes to, as text: for the tests of formats.

use coverage::dump;

use crate::{Format, Member, Notes, Read};

/// The dump of a file of a format, and its notes below; or the error.
pub(crate) fn file(format: &Format, text: &str) -> Result<String, String> {
    let Read::File(read) = format.read else { return Err("no file is read alone".to_owned()) };
    let mut notes = Notes::default();
    let profile = read("x.json", text.as_bytes(), &mut notes).map_err(|error| error.to_string())?;
    let notes = notes.all().iter().map(|note| note.what.to_string() + "\n");
    Ok(dump::write(&profile) + &notes.collect::<String>())
}

/// The dumps and errors of files of a format that are read together, and the notes below. What
/// the format doesn't know has to be `is_companion`.
pub(crate) fn together(
    format: &Format,
    files: &[(&str, Vec<u8>)],
    is_companion: fn(&[u8]) -> bool,
) -> String {
    let Read::Together(together) = format.read else { return String::new() };
    let member = |(name, bytes): &(&str, Vec<u8>)| {
        let is_companion = is_companion(bytes);
        assert!(is_companion || (format.sniff)(&bytes[..bytes.len().min(crate::HEAD_BYTES)]));
        Member { name: (*name).to_owned(), bytes: bytes.clone(), is_companion }
    };
    let members: Vec<Member> = files.iter().map(member).collect();
    let mut notes = Notes::default();
    let mut text = String::new();
    for (name, read) in (together.read)(&members.iter().collect::<Vec<_>>(), &mut notes) {
        match read {
            Ok(profile) => text += &dump::write(&profile),
            Err(error) => text += &format!("{name}: {error}\n"),
        }
    }
    notes.all().iter().for_each(|note| text += &format!("{}: {}\n", note.file, note.what));
    text
}
