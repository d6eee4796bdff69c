//! Owns facts: small typed extracts of clean evidence, taken while it streams by, and what they say of queries and of
//! coverage. No IO; time is an argument.

pub mod by_objects;
pub mod coverage;
pub mod exposition;
pub mod gone;
pub mod identity;
pub mod local_answer;
pub mod logs;
pub mod object_series;
pub mod objects;
pub mod onset;
pub mod queries;
pub mod two_scrapes;
pub mod verdict;
