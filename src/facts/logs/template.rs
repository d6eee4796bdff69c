//! Owns lines by their like: the Drain algorithm (He, Zhu, Zheng, Lyu: ICWS 2017), in bounded memory. Lines with as
//! many words that begin alike are one template, when enough of their words are the same; where they differ it has a
//! wildcard.

use super::mask::{WILD, mask};
use crate::bundle::facts::{Level, Line, Template};
use chrono::{DateTime, Utc};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// Most templates of a log.
const MOST: usize = 200;
/// What they may take in all (bytes); beyond it there are no new ones.
const ROOM: usize = 28 << 10;
/// Most that begin alike: each is held against every such line.
const ALIKE: usize = 32;
/// Words of a line that are looked at.
const WORDS: usize = 48;
/// How many words in a hundred have to be the same.
const SAME: usize = 60;
/// What a template takes beside its texts (bytes).
const BESIDE: usize = 120;
/// Of so many messages it is remembered where they were put.
const RECENT: usize = 256;

/// The templates of one log.
#[derive(Debug, Default)]
pub(super) struct Templates {
    all: Vec<Held>,
    /// By how many words they have, and the first two of them: which of the templates.
    groups: HashMap<(usize, String), Vec<usize>>,
    /// Messages of late, by their hash, and which of the templates each fell into: a flood says the same again and
    /// again.
    recent: Vec<(u64, usize)>,
    size: usize,
    /// Lines that fell into none.
    pub(super) missed: u64,
}

#[derive(Debug)]
struct Held {
    words: Vec<String>,
    template: Template,
}

/// A line to be put to its like.
pub(super) struct Seen<'a> {
    /// When it was written.
    pub(super) at: DateTime<Utc>,
    /// Its level.
    pub(super) level: Level,
    /// Its logger.
    pub(super) logger: Option<&'a str>,
    /// What it says, without its fields.
    pub(super) gist: &'a str,
    /// The line, cut.
    pub(super) text: &'a str,
}

impl Templates {
    /// Puts a line to its like; whether it is the first one of them.
    pub(super) fn see(&mut self, seen: &Seen<'_>) -> bool {
        let hash = hash(seen);
        let slot = hash as usize % RECENT;
        if let Some((_, at)) = self.recent.get(slot).filter(|(of, _)| *of == hash)
            && let Some(held) = self.all.get_mut(*at)
        {
            held.count(seen);
            return false;
        }
        let (at, is_new) = self.put(seen);
        if let Some(at) = at {
            self.recent.resize(RECENT, (0, usize::MAX));
            self.recent.iter_mut().skip(slot).take(1).for_each(|recent| *recent = (hash, at));
        }
        is_new
    }

    /// Which of them a line falls into, and whether it is the first one of it.
    fn put(&mut self, seen: &Seen<'_>) -> (Option<usize>, bool) {
        let masked = mask(seen.gist);
        let words: Vec<&str> = masked.split(' ').filter(|word| !word.is_empty()).take(WORDS).collect();
        let start = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
        let key = (words.len(), start);
        let group = self.groups.get(&key).map(Vec::as_slice).unwrap_or_default();
        let like = group.iter().filter_map(|at| Some((*at, alike(&self.all.get(*at)?.words, &words))));
        let like = like.max_by_key(|(at, same)| (*same, usize::MAX - at));
        if let Some((at, _)) = like.filter(|(_, same)| same * 100 >= words.len() * SAME)
            && let Some(held) = self.all.get_mut(at)
        {
            held.join(seen, &words);
            return (Some(at), false);
        }
        let size = BESIDE + 2 * masked.len() + seen.text.len();
        if self.all.len() >= MOST || group.len() >= ALIKE || self.size + size > ROOM {
            self.missed += u64::from(seen.level <= Level::Warn);
            return (None, false);
        }
        let at = self.all.len();
        self.groups.entry(key).or_default().push(at);
        self.size += size;
        self.all.push(Held::new(seen, &words));
        (Some(at), true)
    }

    /// All of them: the more severe first, then the more frequent.
    pub(super) fn finish(self) -> Vec<Template> {
        let mut all: Vec<Template> = self.all.into_iter().map(Held::finish).collect();
        all.sort_by(|one, other| (one.level, other.count).cmp(&(other.level, one.count)));
        all
    }
}

/// What tells one message from others.
fn hash(seen: &Seen<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    seen.gist.hash(&mut hasher);
    hasher.finish()
}

/// How many words are the same at their place. Where a template is wild already no word is: it would take in ever
/// more lines.
fn alike(held: &[String], words: &[&str]) -> usize {
    held.iter().zip(words).filter(|(held, word)| *held == *word).count()
}

impl Held {
    fn new(seen: &Seen<'_>, words: &[&str]) -> Self {
        let template = Template {
            text: String::new(),
            level: seen.level,
            logger: seen.logger.map(str::to_owned),
            count: 1,
            first: Line { at: seen.at, text: seen.text.to_owned() },
            last: seen.at,
            is_new: false,
        };
        Self { words: words.iter().map(|word| (*word).to_owned()).collect(), template }
    }

    fn join(&mut self, seen: &Seen<'_>, words: &[&str]) {
        for (held, word) in self.words.iter_mut().zip(words).filter(|(held, word)| *held != *word && *held != WILD) {
            // What sets a word off stays: it is the same in both.
            *held = WILD.to_owned() + if held.ends_with(':') && word.ends_with(':') { ":" } else { "" };
        }
        self.count(seen);
    }

    fn count(&mut self, seen: &Seen<'_>) {
        let template = &mut self.template;
        template.count += 1;
        template.level = template.level.min(seen.level);
        template.last = template.last.max(seen.at);
    }

    fn finish(self) -> Template {
        Template { text: self.words.join(" "), ..self.template }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_000_000 + second, 0).expect("a moment")
    }

    fn see(templates: &mut Templates, second: i64, level: Level, gist: &str) -> bool {
        templates.see(&Seen { at: at(second), level, logger: Some("server"), gist, text: gist })
    }

    #[test]
    fn lines_that_are_alike_are_one() {
        let mut templates = Templates::default();
        assert!(see(&mut templates, 0, Level::Warn, "server Failed to reach peer alpha: refused"));
        assert!(!see(&mut templates, 1, Level::Error, "server Failed to reach peer beta: refused"));
        assert!(!see(&mut templates, 2, Level::Warn, "server Failed to reach peer gamma: refused"));
        assert!(see(&mut templates, 3, Level::Error, "server Failed when nobody was there at all"));
        assert!(see(&mut templates, 4, Level::Info, "agent Failed to reach peer alpha: refused"));
        let all = templates.finish();
        let said: Vec<(&str, Level, u64)> = all.iter().map(|it| (it.text.as_str(), it.level, it.count)).collect();
        let first = ("server Failed to reach peer <*>: refused", Level::Error, 3);
        let second = ("server Failed when nobody was there at all", Level::Error, 1);
        assert_eq!(said, [first, second, ("agent Failed to reach peer alpha: refused", Level::Info, 1)]);
        assert_eq!((all[0].first.at, all[0].last), (at(0), at(2)));
    }

    #[test]
    fn there_are_never_more_than_fit() {
        let mut templates = Templates::default();
        for line in 0..100_000u32 {
            let word =
                |of: u32| ["a", "b", "c", "d", "e", "f", "g", "h"].get(((line >> (3 * of)) & 7) as usize).copied();
            let words: Vec<&str> = (0..6).filter_map(word).collect();
            see(&mut templates, i64::from(line), Level::Error, &words.join(" ").repeat(2));
        }
        assert!(templates.groups.len() <= MOST, "{}", templates.groups.len());
        assert!(templates.missed > 0);
        let missed = templates.missed;
        let all = templates.finish();
        assert!(all.len() <= MOST);
        assert_eq!(all.iter().map(|it| it.count).sum::<u64>() + missed, 100_000);
    }

    #[test]
    fn an_empty_line_is_a_template_too() {
        let mut templates = Templates::default();
        assert!(see(&mut templates, 0, Level::Error, ""));
        assert!(!see(&mut templates, 0, Level::Error, " \t"));
    }
}
