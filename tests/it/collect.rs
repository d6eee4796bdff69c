//! Collecting, through the program: what becomes of a task for every way in which an answer can be
//! other than it should.

mod coverage;
mod ends;
mod lists;
mod logs;
mod place;
mod rotated;
mod same;
