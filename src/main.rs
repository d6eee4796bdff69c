//! Owns the program: hands its arguments to the library and ends with its exit code.

use std::process::ExitCode;

/// Objects are millions of small allocations: glibc's allocator spends a quarter of the CPU time on them, and it keeps
/// more free memory. `.cargo/config.toml` sets how much this one keeps.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    kubectl_escalate::run(std::env::args_os()).into()
}
