//! Files as they come, to profiles.

use std::collections::BTreeMap;

use coverage::Profile;

use crate::go_cov::{self, Pod};
use crate::go_write::Fnv128;
use crate::limits::{self, Limits};
use crate::pods::{self, Part};
use crate::{
    FORMATS, Format, HEAD_BYTES, Member, Notes, Place, Read, ReadError, UNKNOWN, archive,
    companion_of, istanbul_summary, sniff,
};

/// Takes files one by one and gives the profiles in them. A file that can't be read is left out
/// with its error; the others are read all the same.
#[derive(Debug, Default)]
pub struct Reading {
    opened: Vec<Opened>,
    pods: BTreeMap<String, PodReading>,
    waiting: Vec<(String, Vec<u8>)>,
    waiting_bytes: usize,
    /// Files that are read together, by the id of their format.
    together: BTreeMap<&'static str, Vec<Member>>,
    /// Files that may belong to some of those.
    companions: Vec<Member>,
    n_left_out: u64,
    failures: Vec<(String, ReadError)>,
    notes: Notes,
}

/// A pod whose files come in.
#[derive(Debug)]
struct PodReading {
    /// Name of the meta-data file.
    name: String,
    /// Hash of its bytes.
    content: [u8; 16],
    pod: Pod,
}

/// A profile that was read.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Name of the file; of a pod, that of its meta-data.
    pub name: String,
    /// What it was read as.
    pub format: &'static Format,
    /// What it holds.
    pub profile: Profile,
}

/// What came of an archive.
#[derive(Debug, Default)]
pub struct Unpacked {
    /// Names of the files in it that were taken as coverage data.
    pub read: Vec<String>,
    /// Whether there is coverage data in it, perhaps damaged, or something else that is wanted.
    pub is_of_use: bool,
    /// The first thing in it that could not be unpacked.
    pub error: Option<ReadError>,
}

/// Everything that came of a [`Reading`].
#[derive(Debug, Default)]
pub struct Outcome {
    /// Profiles: first single files in the order in which they came, then pods by name.
    pub opened: Vec<Opened>,
    /// Files that could not be read, and why.
    pub failures: Vec<(String, ReadError)>,
    /// What was put up with.
    pub notes: Notes,
}

impl Reading {
    /// Takes a file: its name, with slashes and whatever folders lead to it, and its bytes.
    pub fn add(&mut self, name: &str, bytes: &[u8]) {
        if let Err(error) = self.try_add(name, bytes) {
            self.failures.push((name.to_owned(), error));
        }
    }

    /// Takes the coverage data in an archive, and lets `others` have what else it wants of it.
    pub fn add_archive(
        &mut self,
        name: &str,
        bytes: &[u8],
        limits: &Limits,
        others: &mut dyn archive::Sink,
    ) -> Unpacked {
        let mut taking = Taking {
            reading: self,
            others,
            is_other: false,
            late: Vec::new(),
            n_late: None,
            unpacked: Unpacked::default(),
        };
        let mut error = archive::unpack(name, bytes, limits, &mut taking).err();
        if taking.late.contains(&true) {
            taking.n_late = Some(0);
            let again = archive::unpack(name, bytes, limits, &mut taking).err();
            error = error.or(again);
        }
        Unpacked { error, ..taking.unpacked }
    }

    fn try_add(&mut self, name: &str, bytes: &[u8]) -> Result<(), ReadError> {
        let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
        match pods::part(name) {
            Some(Part::Meta(tag)) => {
                let content = Fnv128::of(bytes);
                // Folders of runs of one build each have its meta-data.
                if let Some(first) = self.pods.get(tag) {
                    if first.content != content {
                        let note = format!("differs from {}, which is used", first.name);
                        self.notes.add(name, note);
                    }
                    return Ok(());
                }
                let reading = PodReading { name: name.to_owned(), content, pod: Pod::new(bytes)? };
                self.pods.insert(tag.to_owned(), reading);
                return Ok(());
            }
            Some(Part::Counters { tag, .. }) => match self.pods.get_mut(tag) {
                Some(PodReading { pod, .. }) => return add(pod, name, bytes, &mut self.notes),
                None => return self.wait(name, bytes),
            },
            None => {}
        }
        let Some(format) = sniff(head) else {
            return if companion_of(name, head).next().is_some() {
                self.keep_companion(name, bytes);
                Ok(())
            } else {
                let unknown = || ReadError::unsupported(Place::Whole, UNKNOWN);
                Err(istanbul_summary::refusal(head).unwrap_or_else(unknown))
            };
        };
        match format.read {
            Read::File(read) => {
                let profile = read(name, bytes, &mut self.notes)?;
                self.opened.push(Opened { name: name.to_owned(), format, profile });
                Ok(())
            }
            Read::Pods => {
                let reason = "coverage data of Go whose name is not covmeta.* or covcounters.*, so that it can't be told what belongs to it";
                Err(ReadError::unsupported(Place::Whole, reason))
            }
            Read::Together(_) => {
                self.waiting_bytes += bytes.len();
                if self.waiting_bytes > limits::WAITING_BYTES {
                    let reason = "too many files that have to be read together";
                    return Err(ReadError::limit(Place::Whole, reason));
                }
                let member =
                    Member { name: name.to_owned(), bytes: bytes.to_vec(), is_companion: false };
                self.together.entry(format.id).or_default().push(member);
                Ok(())
            }
        }
    }

    /// Whether a file, by its name and first bytes, belongs to one that was taken: a source, a
    /// class, a binary.
    pub fn wants(&self, name: &str, head: &[u8]) -> bool {
        companion_of(name, head).any(|format| self.together.contains_key(format.id))
    }

    /// Keeps a file that may belong to others, which may still come.
    fn keep_companion(&mut self, name: &str, bytes: &[u8]) {
        if self.waiting_bytes + bytes.len() > limits::WAITING_BYTES {
            self.n_left_out += 1;
            return;
        }
        self.waiting_bytes += bytes.len();
        let (name, bytes) = (name.to_owned(), bytes.to_vec());
        self.companions.push(Member { name, bytes, is_companion: true });
    }

    fn read_together(&mut self) {
        let together = std::mem::take(&mut self.together);
        let companions = std::mem::take(&mut self.companions);
        for &format in FORMATS {
            let (Read::Together(how), Some(members)) = (format.read, together.get(format.id))
            else {
                continue;
            };
            let others = companions.iter().filter(|member| {
                let head = member.bytes.get(..crate::HEAD_BYTES).unwrap_or(&member.bytes);
                (how.companion)(&member.name, head)
            });
            let members: Vec<&Member> = members.iter().chain(others).collect();
            for (name, read) in (how.read)(&members, &mut self.notes) {
                match read {
                    Ok(profile) => self.opened.push(Opened { name, format, profile }),
                    Err(error) => self.failures.push((name, error)),
                }
            }
            if self.n_left_out > 0 {
                let note = format!("{} files that may belong to it are too much", self.n_left_out);
                self.notes.add("", note);
            }
        }
    }

    /// Keeps counters until their meta-data comes.
    fn wait(&mut self, name: &str, bytes: &[u8]) -> Result<(), ReadError> {
        if self.waiting_bytes >= limits::WAITING_BYTES {
            let reason = "too many counters came before their meta-data: give covmeta.* first";
            return Err(ReadError::limit(Place::Whole, reason));
        }
        self.waiting_bytes += bytes.len();
        self.waiting.push((name.to_owned(), bytes.to_vec()));
        Ok(())
    }

    /// What came of it.
    pub fn finish(mut self) -> Outcome {
        for (name, bytes) in std::mem::take(&mut self.waiting) {
            let tag = match pods::part(&name) {
                Some(Part::Counters { tag, .. }) => tag,
                _ => continue,
            };
            let added = match self.pods.get_mut(tag) {
                Some(PodReading { pod, .. }) => add(pod, &name, &bytes, &mut self.notes),
                None => Err(orphan(tag)),
            };
            if let Err(error) = added {
                self.failures.push((name, error));
            }
        }
        self.read_together();
        let mut pods: Vec<_> = self.pods.into_values().collect();
        pods.sort_by(|a, b| a.name.cmp(&b.name));
        for PodReading { name, pod, .. } in pods {
            if pod.n_runs() == 0 {
                self.notes.add(&name, "no run left counters: it was killed, or is running still");
            }
            let format = &go_cov::FORMAT;
            self.opened.push(Opened { name, format, profile: pod.profile() });
        }
        Outcome { opened: self.opened, failures: self.failures, notes: self.notes }
    }
}

/// The error of counters without meta-data.
fn orphan(tag: &str) -> ReadError {
    let reason = format!("its meta-data, covmeta.{tag}, is missing");
    ReadError::unsupported(Place::Whole, reason)
}

/// Takes what is in an archive.
struct Taking<'a> {
    reading: &'a mut Reading,
    others: &'a mut dyn archive::Sink,
    /// Whether the file that comes next is wanted by [`Self::others`].
    is_other: bool,
    /// For each counter file in the order of the archive whether it has to come again: archives
    /// of a folder have counters before their meta-data, and of all of them there may be far more
    /// than can wait in memory.
    late: Vec<bool>,
    /// When the archive is unpacked again, how many counter files came.
    n_late: Option<usize>,
    unpacked: Unpacked,
}

impl archive::Sink for Taking<'_> {
    fn wants(&mut self, name: &str, head: &[u8]) -> bool {
        let part = pods::part(name);
        if let Some(Part::Counters { tag, .. }) = part {
            self.is_other = false;
            self.unpacked.is_of_use = true;
            let is_known = self.reading.pods.contains_key(tag);
            if let Some(n_late) = &mut self.n_late {
                let is_late = self.late.get(*n_late) == Some(&true);
                *n_late += 1;
                if is_late && !is_known {
                    self.reading.failures.push((name.to_owned(), orphan(tag)));
                }
                return is_late && is_known;
            }
            let is_late = !is_known && self.reading.waiting_bytes >= limits::LATE_BYTES;
            self.late.push(is_late);
            return !is_late;
        }
        if self.n_late.is_some() {
            return false;
        }
        let is_coverage = part.is_some() || sniff(head).is_some();
        self.is_other = !is_coverage && self.others.wants(name, head);
        self.unpacked.is_of_use |= is_coverage || self.is_other;
        is_coverage || self.is_other || companion_of(name, head).next().is_some()
    }

    fn take(&mut self, name: &str, bytes: &[u8]) -> usize {
        if self.is_other {
            return self.others.take(name, bytes);
        }
        let part = pods::part(name);
        let is_coverage =
            part.is_some() || sniff(bytes.get(..HEAD_BYTES).unwrap_or(bytes)).is_some();
        if is_coverage {
            self.unpacked.read.push(name.to_owned());
        }
        let waiting_bytes = self.reading.waiting_bytes;
        self.reading.add(name, bytes);
        match part {
            None | Some(Part::Meta(_)) if is_coverage => bytes.len(),
            _ => self.reading.waiting_bytes - waiting_bytes,
        }
    }
}

fn add(pod: &mut Pod, name: &str, bytes: &[u8], notes: &mut Notes) -> Result<(), ReadError> {
    let n_snapshots = pod.add(bytes)?;
    if n_snapshots > 1 {
        notes.add(name, format!("{n_snapshots} snapshots one after the other"));
    }
    Ok(())
}
