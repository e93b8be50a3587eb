//! Whose code it is.

use coverage::{Package, Shape};

/// Whose code a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// That of the module that is worked on.
    Main,
    /// Another module's.
    Dependency,
    /// The language's own.
    Std,
}

/// The main modules of what was measured: those of packages named `main`, or where there is none,
/// those of all packages that have one.
pub fn main_modules(shape: &Shape) -> Vec<&str> {
    let modules = |main_only: bool| {
        let packages = shape.packages().iter();
        let mut modules: Vec<&str> = packages
            .filter(|package| !package.module.is_empty() && (!main_only || package.name == "main"))
            .map(|package| package.module.as_str())
            .collect();
        modules.sort_unstable();
        modules.dedup();
        modules
    };
    let own = modules(true);
    if own.is_empty() { modules(false) } else { own }
}

/// Whose code a package is, if these are the main modules. A package that names no module is the
/// main one's if it lies below it by name, std if its first component has no dot, and otherwise a
/// dependency; where no main module is known either, it is the main one's unless it is std.
pub fn origin(package: &Package, main_modules: &[&str]) -> Origin {
    let below = |module: &&str| {
        let rest = package.path.strip_prefix(module);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let first = package.path.split('/').next().unwrap_or_default();
    if main_modules.contains(&package.module.as_str())
        || package.path == "command-line-arguments"
        || (package.module.is_empty() && main_modules.iter().any(below))
    {
        Origin::Main
    } else if !package.module.is_empty() {
        Origin::Dependency
    } else if !first.contains('.') {
        Origin::Std
    } else if main_modules.is_empty() {
        Origin::Main
    } else {
        Origin::Dependency
    }
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    #[test]
    fn the_module_of_a_main_package_is_the_main_one() {
        let profile = dump::parse(
            "mode set\npackage fmt fmt -\npackage ex.com/a/cmd main ex.com/a\n\
             package ex.com/a/b b ex.com/a\npackage ex.com/c c ex.com/c\n",
        );
        let profile = profile.unwrap();
        let shape = profile.shape();
        let main = main_modules(shape);
        assert_eq!(main, ["ex.com/a"]);
        let origins: Vec<_> = shape.packages().iter().map(|p| origin(p, &main)).collect();
        assert_eq!(origins, [Origin::Std, Origin::Main, Origin::Main, Origin::Dependency]);
    }

    #[test]
    fn names_alone_tell_std_from_others() {
        let profile = dump::parse("mode set\npackage net/http - -\npackage ex.com/a - -\n");
        let profile = profile.unwrap();
        let origins: Vec<_> = profile.shape().packages().iter().map(|p| origin(p, &[])).collect();
        assert_eq!(origins, [Origin::Std, Origin::Main]);
    }
}
