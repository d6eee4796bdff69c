//! What follows when all but logs has ended, and as much is known of the workload as will be: the questions to a
//! Prometheus, or where there is none a second scrape of each pod.

use super::{Record, Scheduler};
use crate::{
    bundle::Backend,
    collect::Done,
    plan::{self, Planned, Task, What},
    source::StopReason,
};
use chrono::Utc;

impl Scheduler<'_> {
    /// Once all but logs has ended, as much is known of the workload as will be: plans what a Prometheus is
    /// asked, if there is one.
    pub(super) fn question(&mut self, at: usize) {
        let site = &self.sites[at];
        let is_other = |task: &Task| !matches!(task.what, What::Log(_) | What::Left(_));
        // The last in order are no logs.
        let mut others = self.pending.values().rev().filter(|job| job.site == at && is_other(&job.planned.task));
        if self.pods[at].is_questioned
            || !self.pods[at].has_looked
            || others.next().is_some()
            || self.running.values().any(|it| it.site == at && is_other(&it.task))
        {
            return;
        }
        self.pods[at].is_questioned = true;
        let mut plan = if site.prometheus.get().is_some() { self.questions(at) } else { Vec::new() };
        // One that does not scrape the servers tells of all around them.
        if self.backend(at).is_none_or(|backend| !backend.has_servers) {
            plan.extend(self.scrape_again(at));
        } else {
            let ours = self.run.records.iter_mut().filter(|record| record.cluster == self.sites[at].cluster);
            ours.for_each(|record| record.done.scraped = None);
        }
        self.add(at, plan);
    }

    fn questions(&mut self, at: usize) -> Vec<Planned> {
        self.pods[at].is_questioned = true;
        let site = &self.sites[at];
        let backend = self.backend(at);
        let known = site.known(&self.run.claims, backend);
        plan::questions(&site.request, &known, site.now())
    }

    /// The Prometheus that was found.
    fn backend(&self, at: usize) -> Option<&Backend> {
        let ours = self.run.records.iter().filter(|record| record.cluster == self.sites[at].cluster);
        ours.filter_map(|record| record.done.backend.as_ref()).next()
    }

    /// Questions whose turn never came are told like all else.
    pub(super) fn give_up_questions(&mut self, reason: StopReason) {
        for at in 0..self.sites.len() {
            if self.pods[at].is_questioned || self.sites[at].prometheus.get().is_none() {
                continue;
            }
            for planned in self.questions(at) {
                self.settle(at, planned.task, Done::stopped(reason));
            }
        }
    }

    /// Tells when nothing is waited for but the time of second scrapes.
    pub(super) fn wait_for_scrapes(&self) {
        let now = Utc::now();
        let waits = |task: &Task| matches!(&task.what, What::Scrape(it) if it.not_before.is_some_and(|at| at > now));
        let pending = self.pending.values().map(|job| &job.planned.task);
        let mut tasks = self.running.values().map(|it| &it.task).chain(pending);
        let is_all = !self.running.is_empty() && tasks.all(waits);
        if let Some(site) = self.sites.first()
            && site.skip.is_all(is_all)
        {
            site.progress.waits();
        }
    }

    /// The scrapes that are made once more, where no Prometheus tells what was before.
    fn scrape_again(&self, at: usize) -> Vec<Planned> {
        let site = &self.sites[at];
        if site.scrape_gap.is_zero() {
            return Vec::new();
        }
        let again = |record: &Record| match &record.task.what {
            What::Scrape(scrape) if scrape.not_before.is_none() && record.cluster == site.cluster => {
                Some(scrape.again(record.done.scraped.as_ref()?.at + site.scrape_gap))
            }
            _ => None,
        };
        self.run.records.iter().filter_map(again).collect()
    }
}
