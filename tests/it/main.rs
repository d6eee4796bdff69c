//! Everything that needs no root and no cluster, a file for each room. `tests/run` runs these and
//! then those that need a Kubernetes.

mod support;

mod bundle;
mod cli;
mod collect;
mod coverage;
mod demo;
mod describe;
mod exit;
mod findings;
mod language;
mod log_facts;
mod objects;
mod plan;
mod profile;
mod promql;
mod recordings;
mod redact;
mod reference;
mod replay;
mod report;
mod scraped;
mod source;
mod stated;
mod tidy;
mod verdict;
mod window;
mod yaml;
