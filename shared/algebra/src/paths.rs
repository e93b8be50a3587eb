//! Paths of different roots that mean the same file.

/// How many components two paths have in common at their ends.
pub fn common_end(a: &str, b: &str) -> usize {
    let (a, b) = (a.trim_start_matches('/'), b.trim_start_matches('/'));
    a.rsplit('/').zip(b.rsplit('/')).take_while(|(a, b)| a == b).count()
}

/// Of several paths the one that ends most like `path`, if exactly one does; equal candidates are
/// one. Without a common last component there is none.
pub fn best_match<'a>(path: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut best = None::<(usize, &str)>;
    let mut tied = false;
    for candidate in candidates {
        let length = common_end(path, candidate);
        match best {
            _ if length == 0 => {}
            Some((most, other)) if length == most => tied |= candidate != other,
            Some((most, _)) if length < most => {}
            _ => (best, tied) = (Some((length, candidate)), false),
        }
    }
    best.filter(|_| !tied).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_common_end_wins() {
        let all = ["m/a/b.go", "m/c/b.go", "b.go"];
        assert_eq!(best_match("a/b.go", all.into_iter()), Some("m/a/b.go"));
        assert_eq!(best_match("x/c/b.go", all.into_iter()), Some("m/c/b.go"));
        assert_eq!(best_match("b.go", all.into_iter()), None);
        assert_eq!(best_match("b.go", ["x/b.go", "x/b.go"].into_iter()), Some("x/b.go"));
        assert_eq!(best_match("c.go", all.into_iter()), None);
        assert_eq!(common_end("/a/b/c", "b/c"), 2);
    }
}
