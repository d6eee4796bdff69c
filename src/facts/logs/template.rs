//! Owns the grouping of similar lines into templates: the Drain algorithm (He, Zhu, Zheng, Lyu: ICWS 2017), in bounded
//! memory. Lines with the same number of words and the same first two words are one template if enough of their words are
//! equal. The template has a wildcard where they differ.

use super::mask::{WILDCARD, mask};
use crate::bundle::facts::{Level, Line, Template};
use chrono::{DateTime, Utc};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// Most templates of a log.
const MOST: usize = 200;
/// The size of all templates (bytes) from which on no new ones are made.
const ROOM: usize = 28 << 10;
/// Most templates that begin with the same words: every such line is compared with each of them.
const SAME_START: usize = 32;
/// Words of a line that are compared.
const WORDS: usize = 48;
/// The share of words that must be equal (percent).
const EQUAL: usize = 60;
/// The size of a template without its texts (bytes).
const BESIDE: usize = 120;
/// The templates of this many messages are remembered.
const RECENT: usize = 256;

/// The templates of one log.
#[derive(Debug, Default)]
pub(super) struct Templates {
    all: Vec<OpenTemplate>,
    /// Places in `all`, by the number of words and the first two words.
    groups: HashMap<(usize, String), Vec<usize>>,
    /// The hashes of recent messages, and the place in `all` of each one's template: a flood repeats a few messages.
    recent: Vec<(u64, usize)>,
    size: usize,
    /// Lines above info without a template, as there were too many templates.
    pub(super) missed: u64,
}

#[derive(Debug)]
struct OpenTemplate {
    words: Vec<String>,
    template: Template,
}

/// A line to be grouped.
pub(super) struct Occurrence<'a> {
    pub(super) at: DateTime<Utc>,
    pub(super) level: Level,
    pub(super) logger: Option<&'a str>,
    /// Logger, message and error: lines are grouped by them.
    pub(super) summary: &'a str,
    /// The line, cut.
    pub(super) text: &'a str,
}

impl Templates {
    /// Adds a line; returns whether it is the first of its template.
    pub(super) fn add(&mut self, line: &Occurrence<'_>) -> bool {
        let hash = hash(line);
        let slot = hash as usize % RECENT;
        if let Some((_, at)) = self.recent.get(slot).filter(|(of, _)| *of == hash)
            && let Some(held) = self.all.get_mut(*at)
        {
            held.count(line);
            return false;
        }
        let (at, is_new) = self.group(line);
        if let Some(at) = at {
            self.recent.resize(RECENT, (0, usize::MAX));
            self.recent.iter_mut().skip(slot).take(1).for_each(|recent| *recent = (hash, at));
        }
        is_new
    }

    /// The place of a line's template, and whether the line is the first of it.
    fn group(&mut self, line: &Occurrence<'_>) -> (Option<usize>, bool) {
        let masked = mask(line.summary);
        let words: Vec<&str> = masked.split(' ').filter(|word| !word.is_empty()).take(WORDS).collect();
        let start = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
        let key = (words.len(), start);
        let group = self.groups.get(&key).map(Vec::as_slice).unwrap_or_default();
        let like = group.iter().filter_map(|at| Some((*at, equal_words(&self.all.get(*at)?.words, &words))));
        let like = like.max_by_key(|(at, same)| (*same, usize::MAX - at));
        if let Some((at, _)) = like.filter(|(_, same)| same * 100 >= words.len() * EQUAL)
            && let Some(held) = self.all.get_mut(at)
        {
            held.join(line, &words);
            return (Some(at), false);
        }
        let size = BESIDE + 2 * masked.len() + line.text.len();
        if self.all.len() >= MOST || group.len() >= SAME_START || self.size + size > ROOM {
            self.missed += u64::from(line.level <= Level::Warn);
            return (None, false);
        }
        let at = self.all.len();
        self.groups.entry(key).or_default().push(at);
        self.size += size;
        self.all.push(OpenTemplate::new(line, &words));
        (Some(at), true)
    }

    /// All templates: the more severe first, then the more frequent.
    pub(super) fn finish(self) -> Vec<Template> {
        let mut all: Vec<Template> = self.all.into_iter().map(OpenTemplate::finish).collect();
        all.sort_by(|one, other| (one.level, other.count).cmp(&(other.level, one.count)));
        all
    }
}

fn hash(line: &Occurrence<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.summary.hash(&mut hasher);
    hasher.finish()
}

/// How many words are equal at their place. A wildcard equals no word, or a template would take in ever more lines.
fn equal_words(held: &[String], words: &[&str]) -> usize {
    held.iter().zip(words).filter(|(held, word)| *held == *word).count()
}

impl OpenTemplate {
    fn new(line: &Occurrence<'_>, words: &[&str]) -> Self {
        let template = Template {
            text: String::new(),
            level: line.level,
            logger: line.logger.map(str::to_owned),
            count: 1,
            first: Line { at: line.at, text: line.text.to_owned() },
            last: line.at,
            is_new: false,
        };
        Self { words: words.iter().map(|word| (*word).to_owned()).collect(), template }
    }

    fn join(&mut self, line: &Occurrence<'_>, words: &[&str]) {
        for (held, word) in self.words.iter_mut().zip(words).filter(|(held, word)| *held != *word && *held != WILDCARD)
        {
            // A colon behind the word is kept, if both have it.
            *held = WILDCARD.to_owned() + if held.ends_with(':') && word.ends_with(':') { ":" } else { "" };
        }
        self.count(line);
    }

    fn count(&mut self, line: &Occurrence<'_>) {
        let template = &mut self.template;
        template.count += 1;
        template.level = template.level.min(line.level);
        template.last = template.last.max(line.at);
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

    fn see(templates: &mut Templates, second: i64, level: Level, summary: &str) -> bool {
        templates.add(&Occurrence { at: at(second), level, logger: Some("server"), summary, text: summary })
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
