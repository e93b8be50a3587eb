//! Which of the files that are read together belong to which path of a profile.

use std::collections::BTreeMap;

/// For each path the position of the name that agrees with it in most folders from the end, if
/// there is one such name, and no other path agrees with it as well.
pub(crate) fn pairs(paths: &[&str], names: &[&str]) -> Vec<Option<usize>> {
    /// Where the last so many parts of a path start, if it has as many.
    fn tail(path: &str, n_parts: usize) -> Option<String> {
        let parts: Vec<&str> = path.rsplit(['/', '\\']).take(n_parts).collect();
        (parts.len() == n_parts).then(|| parts.join("/"))
    }
    let depth = |path: &&str| path.split(['/', '\\']).count();
    let deepest = names.iter().map(depth).max().unwrap_or(0).min(DEPTH);
    let mut found = vec![None; paths.len()];
    let mut taken = vec![false; names.len()];
    for n_parts in (1..=deepest).rev() {
        let mut tails: BTreeMap<String, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (index, name) in names.iter().enumerate().filter(|row| taken.get(row.0) == Some(&false))
        {
            if let Some(tail) = tail(name, n_parts) {
                tails.entry(tail).or_default().1.push(index);
            }
        }
        for (index, path) in paths.iter().enumerate().filter(|row| found.get(row.0) == Some(&None))
        {
            let tail = tail(path, n_parts).and_then(|tail| tails.get_mut(&tail));
            tail.into_iter().for_each(|(paths, _)| paths.push(index));
        }
        for (of_paths, of_names) in tails.into_values() {
            if let ([path], [name]) = (&of_paths[..], &of_names[..])
                && let (Some(found), Some(taken)) = (found.get_mut(*path), taken.get_mut(*name))
            {
                (*found, *taken) = (Some(*name), true);
            }
        }
    }
    found
}

/// Most folders of a path that are compared.
const DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_found_by_the_end_of_their_path() {
        let paths = ["/ci/a/x/util.py", "/ci/a/y/util.py", "/ci/a/main.py", "/ci/__init__.py"];
        let names = ["src/a/y/util.py", "util.py", "main.py", "b/__init__.py", "c/__init__.py"];
        // What belongs to the second is no more in question for the first.
        assert_eq!(pairs(&paths, &names), [Some(1), Some(0), Some(2), None]);
        assert_eq!(pairs(&["C:\\p\\a.py", "/q/a.py"], &["p/a.py"]), [Some(0), None]);
        assert_eq!(pairs(&["/p/a.py", "/q/a.py"], &["a.py"]), [None, None]);
    }
}
