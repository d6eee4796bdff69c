//! Owns the reading of a kubelet's log: where its lines begin, the timestamp before each, and its level.
//!
//! With `timestamps=true` the kubelet writes each line as `TIMESTAMP TEXT`. A line may lack its timestamp: the kubelet
//! stamps only the first fragment of a long line, and its own errors have none. Everything here works on bytes, in one
//! pass, without an allocation for each line. It does not know where a log comes from or what reads it.

mod level;
mod lines;
mod members;
mod stack;
mod stamp;

pub use level::{Level, continues, level, level_word, without_bom, without_colors};
pub use lines::{Block, LinePart, LineSplitter};
pub use members::Members;
pub use stack::is_last_words;
pub use stamp::{STAMP, Stamp, split};
