//! Small typed extracts of clean evidence, taken while it streams by, and what was observed of its
//! time. Pure: no IO, no clock.

pub mod coverage;
pub mod gone;
pub mod identity;
pub mod logs;
pub mod onset;
pub mod queries;
pub mod scraped;
pub mod two_scrapes;
pub mod verdict;
