//! The `kubectl tag` plugin.

fn main() -> std::process::ExitCode {
    kubectl_tag::main()
}
