//! The `tagger` program.

fn main() -> std::process::ExitCode {
    tagger::main()
}
