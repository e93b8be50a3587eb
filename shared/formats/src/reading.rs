//! Files as they come, to profiles.

use std::collections::BTreeMap;

use coverage::Profile;

use crate::go_cov::{self, Pod};
use crate::go_write::Fnv128;
use crate::pods::{self, Part};
use crate::{FORMATS, Format, Member, Notes, Place, Read, ReadError, companion_of, limits, sniff};

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

    fn try_add(&mut self, name: &str, bytes: &[u8]) -> Result<(), ReadError> {
        let head = bytes.get(..crate::HEAD_BYTES).unwrap_or(bytes);
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
                Err(ReadError::unsupported(Place::Whole, "no coverage data of a known format"))
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
        self.waiting_bytes += bytes.len();
        if self.waiting_bytes > limits::WAITING_BYTES {
            let reason = "too many counters came before their meta-data: give covmeta.* first";
            return Err(ReadError::limit(Place::Whole, reason));
        }
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
                None => {
                    let reason = format!("its meta-data, covmeta.{tag}, is missing");
                    Err(ReadError::unsupported(Place::Whole, reason))
                }
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

fn add(pod: &mut Pod, name: &str, bytes: &[u8], notes: &mut Notes) -> Result<(), ReadError> {
    let n_snapshots = pod.add(bytes)?;
    if n_snapshots > 1 {
        notes.add(name, format!("{n_snapshots} snapshots one after the other"));
    }
    Ok(())
}
