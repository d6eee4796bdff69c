//! Owns the names of a container's log files on its node. Pure.
//!
//! The kubelet writes `<run>.log`, counting a container's restarts. When that grows too long it becomes
//! `<run>.log.<time>`, and at the next time `<run>.log.<time>.gz`:
//! <https://github.com/kubernetes/kubernetes/blob/v1.34.4/pkg/kubelet/logs/container_log_manager.go>.

/// One file. Files are ordered by when they were written, the earliest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct File {
    pub(super) run: u32,
    pub(super) age: Age,
    pub(super) gzipped: bool,
}

/// Whether a file is still written to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Age {
    /// It was rotated at this time, by the node's clock and zone, which is good for the order and nothing else.
    Rotated(String),
    /// The newest of its run.
    Newest,
}

impl File {
    /// Reads a file's name; none for one that is not such a file, or is still being made.
    pub(super) fn read(name: &str) -> Option<Self> {
        let (run, rest) = name.split_once(".log")?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let run = Some(run).filter(|run| is_number(run))?.parse().ok()?;
        if rest.is_empty() {
            return Some(Self { run, age: Age::Newest, gzipped: false });
        }
        let rest = rest.strip_prefix('.')?;
        let (time, gzipped) = rest.strip_suffix(".gz").map_or((rest, false), |time| (time, true));
        let (day, clock) = time.split_once('-')?;
        (is_number(day) && is_number(clock)).then(|| Self { run, age: Age::Rotated(time.to_owned()), gzipped })
    }

    pub(super) fn name(&self) -> String {
        let Self { run, age, gzipped } = self;
        match age {
            Age::Newest => format!("{run}.log"),
            Age::Rotated(time) => format!("{run}.log.{time}{}", if *gzipped { ".gz" } else { "" }),
        }
    }

    /// Whether it is the same file, compressed or not.
    pub(super) fn is(&self, other: &Self) -> bool {
        (self.run, &self.age) == (other.run, &other.age)
    }
}

/// The names in a folder, by the page that the kubelet shows of it. Names of folders end in a slash.
pub(super) fn links(page: &str) -> impl Iterator<Item = &str> {
    page.split("</a>").filter_map(|part| Some(part.rsplit_once('>')?.1))
}

/// The files of a folder, in order. A file that is being compressed is listed twice, and returned once.
pub(super) fn listed(page: &str) -> Vec<File> {
    let mut files: Vec<File> = links(page).filter_map(File::read).collect();
    files.sort();
    // The plain one sorts before the other.
    files.dedup_by(|later, earlier| later.is(earlier));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_names_and_come_in_order() {
        let page = r#"<pre>
            <a href="1.log">1.log</a>
            <a href="/api/v1/nodes/n/proxy/logs/pods/x/c/1.log.20261125-100001">1.log.20261125-100001</a>
            <a href="1.log.20261125-100001.gz">1.log.20261125-100001.gz</a>
            <a href="1.log.20261125-090000.gz">1.log.20261125-090000.gz</a>
            <a href="1.log.20261125-110000.tmp">1.log.20261125-110000.tmp</a>
            <a href="0.log">0.log</a> <a href="../">../</a> <a href="x.log">x.log</a> <a href=".log">.log</a>
            <a href="10.log">10.log</a> <a href="99999999999.log">99999999999.log</a></pre>"#;
        let names: Vec<String> = listed(page).iter().map(File::name).collect();
        assert_eq!(names, ["0.log", "1.log.20261125-090000.gz", "1.log.20261125-100001", "1.log", "10.log"]);
        assert_eq!(listed("<html>404</html>"), []);
    }
}
