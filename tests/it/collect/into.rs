//! Completing an earlier bundle: its logs go on, what has changed is kept in both states, and nothing that
//! it had is lost. The earlier one is untouched.

use super::logs::{CURRENT, POD_PATH, line};
use crate::support::{
    Api, Asked, Ended, Reply, Run, World,
    run::Bundle,
    world::{NAMESPACE, POD},
};
use kubectl_escalate::bundle::Outcome;
use serde_json::json;
use std::path::Path;

/// What the kubelet gives of a log: lines from `sinceTime` on.
fn since(asked: &Asked, log: &[String]) -> Reply {
    let since = asked.parameter("sinceTime").trim_end_matches('Z').to_owned();
    let lines = log.iter().filter(|line| **line >= since).map(String::as_str);
    Reply::text(lines.collect::<String>())
}

fn lines(seconds: std::ops::Range<u32>) -> Vec<String> {
    let text =
        |second: u32| line(&format!("14:{:02}:{:02}.000000001", second / 60, second % 60), &format!("line {second}"));
    let mut lines = vec![line("13:00:00.000000000", "before the window")];
    lines.extend(seconds.map(text));
    lines
}

fn with_lines(world: World, lines: Vec<String>) -> Api {
    let api = world.serve();
    let all = lines.clone();
    api.on_log(POD, false, move |asked| since(asked, &lines));
    api.on(move |asked| asked.asks_beginning().then(|| Reply::text(all[0].clone())));
    api
}

fn earlier(api: &Api) -> Ended {
    Run::collect(api).finish().exits(0)
}

fn path(ended: &Ended) -> String {
    ended.stdout.trim_end().to_owned()
}

fn complete(api: &Api, bundle: &Ended, flags: &[&str]) -> Ended {
    let run = Run::new(["collect", "--into", &path(bundle)]).context("prod", &api.url());
    let out = run.out();
    run.args(["--to".as_ref(), out.as_os_str()]).args(flags).finish()
}

fn log(bundle: &Bundle) -> String {
    bundle.entry(CURRENT).1
}

#[test]
fn a_log_goes_on_where_the_earlier_bundle_ended_and_the_old_one_stays_as_it_is() {
    let first = earlier(&with_lines(World::one(), lines(0..300)));
    let before = std::fs::read(path(&first)).expect("the earlier bundle");
    let api = with_lines(World::one(), lines(0..900));
    let second = complete(&api, &first, &[]).exits(0);
    let bundle = second.bundle();
    assert_eq!(log(&bundle), lines(0..900)[1..].concat());
    let asked = api.asked_for(&format!("{POD_PATH}/log"));
    let since: Vec<&str> = asked.iter().map(|asked| asked.parameter("sinceTime")).collect();
    assert_eq!(since, ["2024-03-05T14:04:54Z"], "only what came since, and five seconds before");
    assert_eq!(std::fs::read(path(&first)).expect("the earlier bundle"), before);
    let (was, is) = (first.bundle(), bundle.manifest());
    assert_eq!((is.window_start, is.window_end), (was.manifest().window_start, was.manifest().window_end));
    assert_eq!((is.incident_start, &is.profile), (was.manifest().incident_start, &was.manifest().profile));
    assert!(is.containers[0].complete, "{:#?}", is.containers);
    assert!(!bundle.paths().iter().any(|path| path.starts_with("earlier/") && path.ends_with(".log")), "joined");
    let name = Path::new(&path(&first)).file_stem().expect("a name").to_string_lossy().into_owned();
    assert!(is.remarks.iter().any(|remark| remark.contains(&name)), "{:?}", is.remarks);
}

#[test]
fn tokens_are_equal_with_one_key_and_said_to_differ_with_two() {
    let secret = line("14:01:00.5", "password=hunter2-hunter2");
    let first_lines = || [lines(0..1), vec![secret.clone()]].concat();
    let more = [first_lines(), vec![line("14:02:00.5", "password=hunter2-hunter2")]].concat();
    let differs = |bundle: &Bundle| bundle.manifest().remarks.iter().any(|remark| remark.contains("--redaction-key"));
    let tokens = |bundle: &Bundle| -> Vec<String> {
        let words = |line: &str| line.split_once("password=").map(|(_, token)| token.to_owned());
        log(bundle).lines().filter_map(words).collect()
    };
    let first = earlier(&with_lines(World::one(), first_lines()));
    let bundle = complete(&with_lines(World::one(), more.clone()), &first, &[]).exits(0).bundle();
    let [one, other] = &tokens(&bundle)[..] else { panic!("two tokens") };
    assert!(one.starts_with('<') && one != other && differs(&bundle));
    let api = with_lines(World::one(), first_lines());
    let run = Run::collect(&api);
    let key = run.file("key", "0123456789abcdef0123").to_string_lossy().into_owned();
    let first = run.args(["--redaction-key", &key]).finish().exits(0);
    let bundle = complete(&with_lines(World::one(), more), &first, &["--redaction-key", &key]).exits(0).bundle();
    let [one, other] = &tokens(&bundle)[..] else { panic!("two tokens") };
    assert!(one.starts_with('<') && one == other && !differs(&bundle));
}

#[test]
fn what_has_another_state_is_there_in_both_and_what_is_gone_stays() {
    let mut world = World::one();
    world.server(NAMESPACE, "spirl-server-7f9c-bbbbb");
    let first = earlier(&with_lines(world, lines(0..10)));
    let mut world = World::one();
    world.change("pods", POD, |pod| pod["metadata"]["labels"]["changed"] = "yes".into());
    let bundle = complete(&with_lines(world, lines(0..20)), &first, &[]).exits(0).bundle();
    let paths = bundle.paths();
    let find = |end: &str| paths.iter().filter(|path| path.ends_with(end)).copied().collect::<Vec<_>>();
    let [now, was] = find(&format!("pods/{POD}/pod.yaml"))[..] else { panic!("{paths:#?}") };
    assert!(was.starts_with("earlier/") && !bundle.text(was).contains("changed"));
    assert!(now.starts_with("clusters/") && bundle.text(now).contains("changed"));
    // A pod that was deleted since, with its log.
    assert_eq!(find("pods/spirl-server-7f9c-bbbbb/pod.yaml").len(), 1);
    let gone = "log/tdd-one/spirl-server-7f9c-bbbbb/server";
    bundle.outcome(gone, Outcome::Collected);
    assert!(bundle.entry(gone).1.contains("it went wrong"));
    // What did not change is not there twice.
    assert!(!paths.iter().any(|path| path.starts_with("earlier/") && path.contains("namespace.yaml")), "{paths:#?}");
    let tasks: Vec<&str> = bundle.ids().into_iter().filter(|id| id.starts_with("earlier/")).collect();
    assert!(tasks.iter().any(|id| id.ends_with("prod/list/tdd-one/pods")), "{tasks:?}");
    let all: std::collections::BTreeSet<&str> = bundle.ids().into_iter().collect();
    assert_eq!(all.len(), bundle.ids().len(), "each id once");
}

#[test]
fn what_is_refused_now_is_what_it_was() {
    let first = earlier(&with_lines(World::one(), lines(0..10)));
    let api = with_lines(World::one(), lines(0..20));
    api.on_log(POD, false, |_| Reply::forbidden());
    let ended = complete(&api, &first, &[]);
    let bundle = ended.bundle();
    assert_eq!(log(&bundle), lines(0..10)[1..].concat());
    api.on(|asked| asked.path.ends_with("/pods").then(Reply::forbidden));
    let bundle = complete(&api, &first, &[]).bundle();
    let task = bundle.outcome("list/tdd-one/pods", Outcome::Collected);
    assert!(task.causes.iter().any(|cause| cause.contains("the later attempt failed")), "{task:#?}");
    assert_eq!(log(&bundle), lines(0..10)[1..].concat());
}

#[test]
fn another_run_of_the_container_does_not_go_on_with_the_log_of_the_one_before() {
    let first = earlier(&with_lines(World::one(), lines(0..10)));
    let mut world = World::one();
    world.change("pods", POD, |pod| {
        let status = &mut pod["status"]["containerStatuses"][0];
        let started = status["state"]["running"]["startedAt"].clone();
        status["restartCount"] = 1.into();
        status["lastState"] =
            json!({ "terminated": { "exitCode": 1, "startedAt": started, "finishedAt": "2024-03-05T14:00:30Z" } });
        status["state"] = json!({ "running": { "startedAt": "2024-03-05T14:00:40Z" } });
    });
    let api = with_lines(world, [vec![line("14:00:40.5", "a new run")], lines(41..50)[1..].to_vec()].concat());
    api.on_log(POD, true, |asked| since(asked, &lines(0..30)));
    let bundle = complete(&api, &first, &[]).exits(0).bundle();
    assert!(log(&bundle).starts_with("2024-03-05T14:00:40.5Z a new run\n"));
    assert_eq!(bundle.entry(super::logs::PREVIOUS).1, lines(0..30)[1..].concat());
}

#[test]
fn what_cannot_be_completed_is_refused_with_advice() {
    let first = earlier(&with_lines(World::one(), lines(0..100)));
    let api = World::one().serve();
    for times in [["--incident-time", "-5m"], ["--before", "5m"], ["--after", "5m"]] {
        let ended = complete(&api, &first, &times).exits(2);
        assert!(ended.stderr.contains("cannot be used with"), "{}", ended.stderr);
    }
    let none = Run::new(["collect", "--into", "nothing.zip"]).context("prod", &api.url()).finish().exits(2);
    assert!(none.stderr.contains("nothing.zip"), "{}", none.stderr);
}

#[test]
fn a_key_that_the_earlier_log_ended_within_does_not_get_in() {
    let body = |number: u32| {
        let text: String = (0..64).map(|at| char::from(b'A' + ((at * 7 + number * 11) % 26) as u8)).collect();
        line(&format!("14:01:{number:02}.5"), &text)
    };
    let mut all = vec![line("13:00:00", "before"), line("14:00:59.5", "-----BEGIN PRIVATE KEY-----")];
    all.extend((0..20).map(body));
    let half = all[..12].to_vec();
    all.push(line("14:01:20.5", "-----END PRIVATE KEY-----"));
    all.push(line("14:01:21.5", "and on"));
    let first = earlier(&with_lines(World::one(), half));
    let bundle = complete(&with_lines(World::one(), all), &first, &[]).exits(0).bundle();
    let text = log(&bundle);
    assert!(text.contains("and on"), "{text}");
    for number in 0..20 {
        let secret = body(number).split_once(' ').expect("a text").1.trim().to_owned();
        assert!(!bundle.holds(&secret), "line {number} of a key\n{text}");
    }
}

#[test]
fn where_paths_are_shortened_what_is_the_same_is_there_once() {
    let name = "prod=arn-aws-eks-eu-west-1-123456789012-cluster-".to_owned() + &"x".repeat(120);
    let flags = ["--cluster-name", &name];
    let api = with_lines(World::one(), lines(0..10));
    let first = Run::collect(&api).args(flags).finish().exits(0);
    let was = first.bundle();
    let bundle = complete(&with_lines(World::one(), lines(0..20)), &first, &flags).exits(0).bundle();
    let log = bundle.paths().into_iter().find(|path| path.ends_with(".log")).expect("a log");
    assert_eq!(bundle.text(log), lines(0..20)[1..].concat());
    assert_eq!(was.paths().len(), bundle.paths().len(), "{:#?}\n{:#?}", was.paths(), bundle.paths());
}

#[test]
fn what_was_completed_can_be_completed_again() {
    let first = earlier(&with_lines(World::one(), lines(0..10)));
    let changed = |value: &str| {
        let mut world = World::one();
        world.change("pods", POD, |pod| pod["metadata"]["labels"]["changed"] = value.into());
        world
    };
    let second = complete(&with_lines(changed("once"), lines(0..20)), &first, &[]).exits(0);
    let third = complete(&with_lines(changed("twice"), lines(0..30)), &second, &[]).exits(0);
    let bundle = third.bundle();
    assert_eq!(log(&bundle), lines(0..30)[1..].concat());
    let pods = bundle.paths().into_iter().filter(|path| path.ends_with(&format!("pods/{POD}/pod.yaml"))).count();
    assert_eq!(pods, 3, "each state: {:#?}", bundle.paths());
    assert!(!bundle.paths().iter().any(|path| path.matches("earlier/").count() > 1), "{:#?}", bundle.paths());
    let all: std::collections::BTreeSet<&str> = bundle.ids().into_iter().collect();
    assert_eq!(all.len(), bundle.ids().len(), "each id once");
}
