//! Small typed extracts of clean evidence, taken while it streams by, and what was observed of its
//! time. Pure: no IO, no clock.

pub mod by_objects;
pub mod coverage;
pub mod gone;
pub mod identity;
pub mod logs;
pub mod objects;
pub mod onset;
pub mod queries;
pub mod scraped;
pub mod stated;
pub mod two_scrapes;
pub mod verdict;
