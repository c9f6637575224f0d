use super::*;
use rstest::rstest;

/// A header whose path is written as it is: what makes archives refuses to.
fn header(path: &[u8], kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn entry(path: &str, kind: EntryType, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(path.as_bytes(), kind, content.len() as u64).as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn link(path: &str, kind: EntryType, target: &str) -> Vec<u8> {
    let mut header = header(path.as_bytes(), kind, 0);
    header.set_link_name_literal(target).unwrap();
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn read(bytes: &[u8]) -> Result<Table, String> {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(bytes, 0).unwrap();
    Table::read(&file, bytes.len() as u64).map_err(|problem| match problem {
        NoTable::Damaged(damage) => damage.to_string(),
        NoTable::Disk(problem) => panic!("{problem}"),
    })
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        let mut length = rest.len();
        while length != rest.len() + length.to_string().len() {
            length = rest.len() + length.to_string().len();
        }
        content.extend_from_slice(format!("{length}{rest}").as_bytes());
    }
    entry("pax", EntryType::XHeader, &content)
}

#[test]
fn files_are_found_where_they_are_by_their_bare_paths() {
    let parts = [
        entry("./", EntryType::Directory, b""),
        entry("./blobs/", EntryType::Directory, b""),
        entry("./blobs/a", EntryType::Regular, b"abc"),
        [pax(&[("path", &"long/".repeat(60)), ("mtime", "1.5")]), entry("short", EntryType::Directory, b"")]
            .concat(),
        [pax(&[("path", "named/by/pax")]), entry("short", EntryType::Regular, b"defg")].concat(),
        [
            entry("././@LongLink", EntryType::GNULongName, b"named/by/gnu\0"),
            entry("x", EntryType::Regular, b"h"),
        ]
        .concat(),
        [pax(&[("size", "2")]), entry("sized", EntryType::Regular, b"ij")].concat(),
        vec![0; 1024],
    ];
    let table = read(&parts.concat()).unwrap();
    assert_eq!(table.find("blobs/a").unwrap(), Some((3 * 512, 3)));
    for (name, length) in [("named/by/pax", 4), ("named/by/gnu", 1), ("sized", 2)] {
        assert_eq!(table.find(name).unwrap().unwrap().1, length, "{name}");
    }
    assert_eq!(table.find("blobs").unwrap(), None);
    assert_eq!(table.files.len(), 4);
}

#[test]
fn a_link_stands_for_a_file_of_the_same_archive() {
    let parts = [
        entry("one/layer.tar", EntryType::Regular, b"abc"),
        link("two/layer.tar", EntryType::Symlink, "../one/layer.tar"),
        link("three", EntryType::Link, "one/layer.tar"),
        link("four", EntryType::Symlink, "two/layer.tar"),
        link("five", EntryType::Symlink, "nothing"),
    ];
    let table = read(&parts.concat()).unwrap();
    assert_eq!(table.find("two/layer.tar"), table.find("one/layer.tar"));
    assert_eq!(table.find("three"), table.find("one/layer.tar"));
    for broken in ["four", "five"] {
        assert!(matches!(table.find(broken), Err(Damage::Link(_))), "{broken}");
    }
}

#[rstest]
#[case::absolute(
    entry("/etc/passwd", EntryType::Regular, b"x"),
    r#"the path "/etc/passwd", which leads out"#
)]
#[case::up(entry("a/../../b", EntryType::Regular, b"x"), r#"the path "a/../../b", which leads out"#)]
#[case::up_folder(entry("../", EntryType::Directory, b""), "leads out of it")]
#[case::up_by_pax([pax(&[("path", "../x")]), entry("a", EntryType::Regular, b"x")].concat(), "leads out of it")]
#[case::control(entry("../a\n\u{1b}[0m", EntryType::Regular, b"x"), r#""../a\\n\\u{1b}[0m""#)]
#[case::twice([entry("a", EntryType::Regular, b"x"), entry("./a", EntryType::Regular, b"y")].concat(), "twice")]
#[case::twice_by_link([entry("a", EntryType::Regular, b"x"), link("a", EntryType::Symlink, "b")].concat(), "twice")]
#[case::link_out(link("a", EntryType::Symlink, "/etc/passwd"), r#""a" is a link that leads to no file"#)]
#[case::link_up(link("a/b", EntryType::Symlink, "../../x"), "is a link that leads to no file")]
#[case::hard_link_out(link("a", EntryType::Link, "../x"), "is a link that leads to no file")]
#[case::device(entry("a", EntryType::Char, b""), r#""a", which is neither a file nor a folder"#)]
#[case::fifo(entry("a", EntryType::Fifo, b""), "neither a file nor a folder")]
#[case::sparse(entry("a", EntryType::GNUSparse, b""), "neither a file nor a folder")]
#[case::sparse_by_pax([pax(&[("GNU.sparse.size", "9999999999")]), entry("a", EntryType::Regular, b"")].concat(), "a sparse file")]
#[case::cut(entry("a", EntryType::Regular, &[7; 2000])[..1024].to_vec(), "cut short")]
#[case::cut_header([entry("a", EntryType::Regular, b""), vec![7; 100]].concat(), "cut short")]
#[case::short(b"notes".to_vec(), "damaged at byte 0")]
#[case::huge(header(b"a", EntryType::Regular, u64::MAX >> 1).as_bytes().to_vec(), "cut short")]
#[case::huge_by_pax([pax(&[("size", "18446744073709551615")]), entry("a", EntryType::Regular, b"")].concat(), "cut short")]
#[case::size_is_none([pax(&[("size", "-1")]), entry("a", EntryType::Regular, b"")].concat(), "damaged at byte")]
#[case::long_name(entry("a", EntryType::GNULongName, &[b'a'; 1024 * 1024 + 1]), "a header has more than 1048576 bytes")]
#[case::noise(vec![b'x'; 1024], "damaged at byte 0")]
#[case::no_name(entry("./", EntryType::Regular, b""), "")]
fn an_archive_that_no_tool_makes_is_refused(#[case] bytes: Vec<u8>, #[case] told: &str) {
    match read(&bytes) {
        Err(problem) => assert!(problem.contains(told), "{problem}"),
        Ok(table) => assert!(told.is_empty() && table.files.is_empty(), "{table:?}"),
    }
}

#[test]
fn files_are_counted() {
    let one = header(b"a/", EntryType::Directory, 0).as_bytes().to_vec();
    assert!(read(&one.repeat(MAX_FILES)).is_ok());
    let problem = read(&one.repeat(MAX_FILES + 1)).unwrap_err();
    assert_eq!(problem, "there are more than 100000 files in the archive");
}
