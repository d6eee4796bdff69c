//! Answers the profile's queries by two scrapes and by what objects state, where no Prometheus did: when all tasks have
//! ended.

use super::{query, samples};
use crate::{
    bundle::{BundleError, EntryPath, Outcome, Verdict, layout},
    collect::{Done, Record, Run, Site, Stated},
    facts::{
        by_objects,
        two_scrapes::{self, Said, Scraped},
    },
    plan::{self, AnsweredBy, Known, Task, What},
    promql::Labels,
    redact::{Counts, Joined},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::{collections::BTreeSet, thread, time::Duration};

/// Adds a task for each query that is answered by scrapes or objects, and writes their samples where no Prometheus
/// gave any.
///
/// # Errors
/// When an answer cannot be written; those before it are there.
pub fn weigh(sites: &[Site], run: &mut Run) -> Result<(), BundleError> {
    for site in sites {
        let ours = |record: &&mut Record| record.cluster == site.cluster;
        let taken = run.records.iter_mut().filter(ours).filter_map(|record| record.done.scraped.take());
        // By the API server's clock, as all else is.
        let scrapes: Vec<Scraped> = taken.map(|scraped| Scraped { at: scraped.at + site.skew, ..scraped }).collect();
        let stated = std::mem::take(&mut *site.stated());
        let known = site.known(&run.claims, None);
        by_scrapes(site, &known, &scrapes, run)?;
        let has_samples =
            |record: &Record| matches!(record.task.what, What::Samples(_)) && !record.done.entries.is_empty();
        let lacks_samples = site.request.questions() > 0
            && !run.records.iter().filter(|it| it.cluster == site.cluster).any(has_samples);
        let started = Utc::now();
        // Of thousands of pods either takes a while.
        let ((answers, answered), written) = thread::scope(|scope| {
            let answers = scope.spawn(|| {
                let mut records = Vec::new();
                let done = by_objects(site, &known, &stated, run, &mut records);
                (records, done)
            });
            let write = || samples::write(site, &known, &scrapes, &stated.objects);
            let written = if lacks_samples { write() } else { Ok(None) };
            (answers.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), written)
        });
        run.records.extend(answers);
        let written = written.map(|entry| {
            if let Some(entry) = entry {
                samples::add(site, &known, (entry, started), run);
            }
        });
        answered.and(written)?;
    }
    Ok(())
}

fn by_scrapes(site: &Site, known: &Known, scrapes: &[Scraped], run: &mut Run) -> Result<(), BundleError> {
    let of_pod = |scraped: &Scraped| (scraped.namespace.clone(), scraped.pod.clone());
    let mut once = BTreeSet::new();
    if scrapes.iter().all(|scraped| once.insert(of_pod(scraped))) {
        return Ok(());
    }
    let is_first = |record: &&Record| matches!(&record.task.what, What::Scrape(scrape) if scrape.not_before.is_none());
    let pods = run.records.iter().filter(|record| record.cluster == site.cluster).filter(is_first).count();
    for Said { asked, values, verdict, first, last } in two_scrapes::say(&site.request, known, scrapes, pods) {
        let mut question = query::about(&asked.rule.id, Some(&asked.rule), &asked.question.to_string());
        question["since_start"] = asked.since_start.as_ref().map(ToString::to_string).into();
        question["two_scrapes"] = json!([first.to_rfc3339(), last.to_rfc3339()]);
        let task = plan::answered(&asked.rule, &asked.question, (first, last), AnsweredBy::Scrapes);
        let path = layout::query(&site.cluster, &asked.rule.id);
        run.records.push(answer(site, task, path, (question, &values, verdict, last))?);
    }
    Ok(())
}

fn by_objects(
    site: &Site,
    known: &Known,
    stated: &Stated,
    run: &Run,
    records: &mut Vec<Record>,
) -> Result<(), BundleError> {
    let at = site.stated_at();
    let has_value = |record: &Record| record.done.verdict.as_ref().is_some_and(|it| it.steps_with_data > 0);
    let ours = run.records.iter().filter(|record| record.cluster == site.cluster && has_value(record));
    // What a Prometheus has is of the window.
    let answered: BTreeSet<String> = ours
        .filter_map(|record| match &record.task.what {
            What::Query(query) => Some(query.id.clone()),
            _ => None,
        })
        .collect();
    let is_wanted = |id: &str| !answered.contains(id);
    for by_objects::Said { rule, question: query, values, verdict } in
        by_objects::say(&site.request, known, (&stated.objects, stated.is_cut), at, is_wanted)
    {
        // What nothing states is no answer.
        if values.is_empty() {
            continue;
        }
        let mut question = query::about(&rule.id, Some(&rule), &query.to_string());
        question["objects"] = at.to_rfc3339().into();
        let task = plan::answered(&rule, &query, (at, at), AnsweredBy::Objects);
        let path = layout::query_of_objects(&site.cluster, &rule.id);
        records.push(answer(site, task, path, (question, &values, verdict, at))?);
    }
    Ok(())
}

/// `queries/<id>.json`, as of a Prometheus' answer, and its task.
fn answer(
    site: &Site,
    task: Task,
    path: EntryPath,
    (question, values, verdict, at): (Value, &[(Labels, String)], Verdict, DateTime<Utc>),
) -> Result<Record, BundleError> {
    let started = Utc::now();
    let seconds = at.timestamp_millis() as f64 / 1000.0;
    let series = |(labels, value): &(Labels, String)| json!({ "metric": labels, "values": [[seconds, value]] });
    let answer = json!({ "resultType": "matrix", "result": values.iter().map(series).collect::<Vec<_>>() });
    let mut file = Joined::default();
    let mut counts = Counts::default();
    for (begins, part) in
        [("{\"question\":", question), (",\n\"answer\":", answer), (",\n\"verdict\":", json!(verdict))]
    {
        let (clean, more) = site.redactor.object(part);
        counts.merge(&more);
        file.literal(begins);
        file.push(&clean.to_clean());
    }
    file.literal("}\n");
    let entry = site.write(path, env!("CARGO_PKG_NAME"), &file.take(), counts)?;
    let outcome = if values.is_empty() { Outcome::Empty } else { Outcome::Collected };
    let done = Done { verdict: Some(verdict), entries: vec![entry], ..Done::new(outcome) };
    Ok(Record { cluster: site.cluster.clone(), task, started: Some(started), duration: Duration::ZERO, done })
}
