//! A report: the page with a profile and its sources inside, as one HTML file that opens from disk.
//!
//! Whoever makes one hands over the page's own files: the command has them in its binary, the page
//! fetches them. The file may run its own scripts and load nothing, as its policy says.
//!
//! ```text
//! <meta Content-Security-Policy>  styles, scripts and images of the page, inside
//! <script id="report-program">    the program ┐
//! <script id="report-frames">     the profile ├ gzip, in base64
//! <script id="report-sources">    the sources ┘ (id:16 length:4 text)*
//! <script type="module">          what unpacks them and starts the page: start.js
//! ```

mod frames;
mod page;
pub mod shown;

use std::collections::BTreeMap;

use coverage::Profile;
use thiserror::Error;
use wire::{SourceId, WireError};

pub use page::Page;

/// A file of the page.
#[derive(Debug, Clone, Copy)]
pub struct Asset<'a> {
    /// Its media type.
    pub mime: &'a str,
    /// Its content, not packed.
    pub bytes: &'a [u8],
}

/// Gives a file of the page by its path below the page's root, such as `index.html`.
pub type Assets<'a> = &'a dyn Fn(&str) -> Option<Asset<'a>>;

/// Gives the module of a package that does not name it itself, by the package's import path.
pub type Modules<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The page has no program.
    #[error("this binary was built without its page, which a report is made of")]
    NoPage,
    /// A file of the page is not there: its path.
    #[error("the page lacks its file {0}")]
    Missing(String),
    /// The page is not what a report can be made of.
    #[error("the page can't be put into a report: {0}")]
    Page(&'static str),
    /// A package is too large for a page.
    #[error("package {package} does not fit into a report")]
    Package {
        /// Its import path.
        package: String,
        /// What does not fit.
        source: WireError,
    },
    /// The profile is too large for a page.
    #[error("the profile does not fit into a report")]
    Profile(#[source] WireError),
}

/// The report of a profile, in this page. `texts` are the sources at hand, by the names of files in the profile.
///
/// # Errors
/// Where the page or the profile can't be put into one.
pub fn write(
    page: Page<'_>,
    profile: &Profile,
    title: &str,
    texts: &BTreeMap<String, Vec<u8>>,
    modules: Modules<'_>,
) -> Result<String, ReportError> {
    let frames = frames::encode(profile, title, modules, texts)?;
    let by_id: BTreeMap<_, _> = texts.values().map(|text| (SourceId::of(text), text)).collect();
    let mut sources = Vec::new();
    for (id, text) in by_id {
        sources.extend(id.0);
        sources.extend(u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
        sources.extend(text);
    }
    page.with(title, &frames, &sources)
}

/// What a profile is called: the main module, or what all packages have in common where there is
/// none or several.
pub fn title(profile: &Profile, modules: Modules<'_>) -> String {
    let shape = profile.shape();
    if let [only] = algebra::main_modules(shape)[..] {
        return only.to_owned();
    }
    let mut packages = shape.packages().iter().map(|package| package.path.as_str());
    let module = packages.clone().next().and_then(modules);
    match module {
        Some(module) if packages.all(|package| modules(package) == Some(module)) => {
            module.to_owned()
        }
        _ => match common(shape.packages().iter().map(|package| package.path.as_str())) {
            "" => "Coverage".to_owned(),
            common => common.to_owned(),
        },
    }
}

/// The path that all of these lie below, or are.
fn common<'a>(mut packages: impl Iterator<Item = &'a str>) -> &'a str {
    let first = packages.next().unwrap_or_default();
    packages.fold(first, |common, package| {
        let ends = common.rmatch_indices('/').map(|(at, _)| at);
        let is_above = |end: &usize| {
            let rest = package.strip_prefix(&common[..*end]);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let end = std::iter::once(common.len()).chain(ends).find(is_above);
        end.map_or("", |end| &common[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_packages_have_in_common_is_whole_parts() {
        let is = |packages: &[&str], wanted| assert_eq!(common(packages.iter().copied()), wanted);
        is(&["ex.com/a/b", "ex.com/a/c", "ex.com/a"], "ex.com/a");
        is(&["ex.com/ab", "ex.com/ac"], "ex.com");
        is(&["ex.com/a", "ex.com/ab"], "ex.com");
        is(&["a", "b"], "");
        is(&["ex.com/a"], "ex.com/a");
        is(&[], "");
    }
}
