//! What processes are called.

use super::layout::Header;
use super::tables::KnownTable;

/// Names a process everywhere and for ever: 128-bit FNV-1a of the host's name, a zero byte, and
/// process id, Unix time and time since boot of its start, in nanoseconds, as little-endian `u64`.
/// Targets that tell of themselves compute the same.
pub(super) fn process_key(host: &str, header: &Header) -> [u8; 16] {
    key(host, [u64::from(header.pid), header.created_ns, header.created_boot_ns])
}

/// The same for a process that says nothing of itself, by other numbers that nobody shares with it.
pub(super) fn key(host: &str, numbers: [u64; 3]) -> [u8; 16] {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let bytes = host.bytes().chain([0]).chain(numbers.into_iter().flat_map(u64::to_le_bytes));
    bytes.fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME)).to_be_bytes()
}

/// Name of the program in a command line: the last component of its first argument. That of a
/// temporary folder where `go run` and `go test` put it is so left out.
pub(super) fn of_arguments(arguments: &[String]) -> String {
    let program = arguments.first().map_or("", String::as_str);
    let name = program.rsplit(['/', '\\']).find(|component| !component.is_empty());
    let name = name.unwrap_or("unknown");
    name.strip_suffix(".exe").unwrap_or(name).to_owned()
}

/// Name of the program whose main package this table describes: what `go build` would call it,
/// however its file is called. `None` for other packages, and for test binaries, which are known
/// by their file's name.
pub(super) fn of_main(table: &KnownTable, arguments: &[String]) -> Option<String> {
    if table.name != "main" { None } else { of_path(&table.package, arguments) }
}

/// The same for the main package of this import path.
pub(super) fn of_path(package: &str, arguments: &[String]) -> Option<String> {
    if of_arguments(arguments).ends_with(".test") {
        return None;
    }
    let mut components = package.rsplit('/');
    let last = components.next()?;
    let name = if is_major_version(last) { components.next().unwrap_or(last) } else { last };
    // The import path of files named on the command line says nothing.
    let useful = !name.is_empty() && name != "command-line-arguments" && name != "main";
    useful.then(|| name.to_owned())
}

fn is_major_version(component: &str) -> bool {
    component.strip_prefix('v').is_some_and(|number| {
        number.bytes().all(|byte| byte.is_ascii_digit())
            && !number.is_empty()
            && !number.starts_with('0')
            && number != "1"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_named_after_the_program() {
        let of = |argument: &str| of_arguments(&[argument.to_owned()]);
        assert_eq!(of("/usr/bin/shop"), "shop");
        assert_eq!(of("/tmp/go-build12/b001/exe/shop"), "shop");
        assert_eq!(of("/tmp/go-build12/b001/cart.test"), "cart.test");
        assert_eq!(of("shop.exe"), "shop");
        assert_eq!(of("/"), "unknown");
        assert_eq!(of_arguments(&[]), "unknown");
    }

    #[test]
    fn the_import_path_of_the_main_package_is_better() {
        let named = |name: &str, package: &str, argument: &str| {
            let table = KnownTable {
                id: wire::TableId([0; 16]),
                bytes: Vec::new(),
                package: package.to_owned(),
                name: name.to_owned(),
                n_units: 0,
                entries: Vec::new(),
            };
            of_main(&table, &[argument.to_owned()])
        };
        assert_eq!(named("main", "example.com/x/cmd/shop", "a.out").as_deref(), Some("shop"));
        assert_eq!(named("main", "example.com/shop/v2", "a.out").as_deref(), Some("shop"));
        assert_eq!(named("main", "example.com/shop/v1x", "a.out").as_deref(), Some("v1x"));
        assert_eq!(named("main", "command-line-arguments", "a.out"), None);
        assert_eq!(named("main", "example.com/shop", "/tmp/shop.test"), None);
        assert_eq!(named("shop", "example.com/shop", "a.out"), None);
    }

    #[test]
    fn the_key_is_the_hash_that_targets_compute() {
        let header = Header {
            page: 4096,
            pid: 7,
            created_ns: 1,
            created_boot_ns: 2,
            pid_namespace: 0,
            go_version: String::new(),
            arguments: Vec::new(),
        };
        let hex: String =
            process_key("host", &header).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "6e6e2fb252e38f7bb2ac68c847b49c31");
    }
}
