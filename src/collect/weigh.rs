//! Answers the profile's queries by two scrapes, where no Prometheus did: when all tasks have ended.

use super::{Done, Record, Run, Site, query, site::Entry};
use crate::{
    bundle::{BundleError, Outcome, layout},
    facts::two_scrapes::{self, Said, Scraped},
    plan::{self, What},
    redact::Joined,
};
use chrono::Utc;
use serde_json::json;
use std::time::Duration;

/// Adds a task for each query that the scrapes of a cluster answer.
///
/// # Errors
/// When an answer cannot be written; those before it are there.
pub fn weigh(sites: &[Site], run: &mut Run) -> Result<(), BundleError> {
    for site in sites {
        let ours = |record: &&Record| record.cluster == site.cluster;
        let has_second = |record: &Record| matches!(&record.task.what, What::Scrape(scrape) if scrape.not_before.is_some() && record.done.scraped.is_some());
        if !run.records.iter().filter(ours).any(has_second) {
            continue;
        }
        let is_first =
            |record: &&Record| matches!(&record.task.what, What::Scrape(scrape) if scrape.not_before.is_none());
        let pods = run.records.iter().filter(ours).filter(is_first).count();
        let taken = run.records.iter_mut().filter(|record| record.cluster == site.cluster);
        let scrapes = taken.filter_map(|record| record.done.scraped.take());
        // By the API server's clock, as all else is.
        let scrapes: Vec<Scraped> = scrapes.map(|scraped| Scraped { at: scraped.at + site.skew, ..scraped }).collect();
        let known = site.known(&run.claims, None);
        for said in two_scrapes::say(&site.request, &known, &scrapes, pods) {
            let started = Utc::now();
            let task = plan::answered(&said.asked, said.first, said.last);
            let entry = write(site, &said)?;
            let outcome = if said.values.is_empty() { Outcome::Empty } else { Outcome::Collected };
            let done = Done { verdict: Some(said.verdict), entries: vec![entry], ..Done::new(outcome) };
            let (cluster, duration) = (site.cluster.clone(), Duration::ZERO);
            run.records.push(Record { cluster, task, started: Some(started), duration, done });
        }
    }
    Ok(())
}

/// `queries/<id>.json`, as of a Prometheus' answer.
fn write(site: &Site, said: &Said) -> Result<Entry, BundleError> {
    let Said { asked, values, verdict, first, last } = said;
    let rule = &asked.rule;
    let at = last.timestamp_millis() as f64 / 1000.0;
    let series =
        |(labels, value): &(crate::promql::Labels, String)| json!({ "metric": labels, "values": [[at, value]] });
    let mut question = query::about(&rule.id, Some(rule), &asked.question.to_string());
    question["since_start"] = asked.since_start.as_ref().map(ToString::to_string).into();
    question["two_scrapes"] = json!([first.to_rfc3339(), last.to_rfc3339()]);
    let answer = json!({ "resultType": "matrix", "result": values.iter().map(series).collect::<Vec<_>>() });
    let mut file = Joined::default();
    let mut counts = crate::redact::Counts::default();
    for (begins, part) in
        [("{\"question\":", question), (",\n\"answer\":", answer), (",\n\"verdict\":", json!(verdict))]
    {
        let (clean, more) = site.redactor.object(part);
        counts.merge(&more);
        file.literal(begins);
        file.push(&clean.to_clean());
    }
    file.literal("}\n");
    site.write(layout::query(&site.cluster, &rule.id), env!("CARGO_PKG_NAME"), &file.take(), counts)
}
