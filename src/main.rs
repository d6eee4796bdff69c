//! Owns the program: hands its arguments to the library and ends with its exit code.

use std::process::ExitCode;

/// Objects are millions of small allocations: glibc's takes a quarter of the processor's time for them, and keeps
/// more of the memory that is free. How much this one keeps is set in `.cargo/config.toml`.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    kubectl_escalate::run(std::env::args_os()).into()
}
