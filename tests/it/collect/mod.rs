//! Collecting, through the program: what becomes of a task for every way in which an answer can be
//! other than it should.

mod api_server;
mod coverage;
mod ends;
mod facts;
mod into;
mod lists;
mod logs;
mod metrics;
mod onset;
mod place;
mod repeat;
mod rotated;
mod same;
mod scrapes;
mod stated;
mod wait;
mod whom;
