//! A split by time: against a naive reader of the same files.

#![cfg(feature = "train")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use melu::data::{Dataset, Rated, Scenario, Task};
use proptest::prelude::*;
use tempfile::TempDir;

/// A row of the log: user, item, value and time.
#[derive(Clone, Copy, Debug)]
struct Row {
    user: char,
    item: char,
    value: f32,
    time: u32,
}

/// The three kinds of log.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Ratings,
    Strengths,
    Choices,
}

const KINDS: [Kind; 3] = [Kind::Ratings, Kind::Strengths, Kind::Choices];

fn folder(kind: Kind, rows: &[Row], split: &str, more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lines =
        rows.iter().map(|row| format!("{},{},{},{}\n", row.user, row.item, row.value, row.time));
    let log: String = lines.collect();
    fs::write(folder.path().join("log.csv"), format!("u,i,v,t\n{log}")).unwrap();
    let (table, value) = match kind {
        Kind::Ratings => ("ratings", "value = \"v\"\nliked = 2\n"),
        Kind::Strengths => ("interactions", "value = \"v\"\n"),
        Kind::Choices => ("interactions", ""),
    };
    let settings = format!(
        "name = \"x\"\n[{table}]\nfile = \"log.csv\"\nuser = \"u\"\nitem = \"i\"\ntime = \"t\"\n\
         {value}[split]\n{split}\n{more}"
    );
    fs::write(folder.path().join("dataset.toml"), settings).unwrap();
    folder
}

fn open(kind: Kind, rows: &[Row], split: &str, more: &str) -> melu::Result<Dataset> {
    Dataset::open(folder(kind, rows, split, more).path())
}

/// One user's items and values, each item once.
type Values = Vec<(char, f32)>;

/// One user's rows with each item once, in order of time.
fn once(kind: Kind, rows: &[Row]) -> Values {
    let items: BTreeSet<char> = rows.iter().map(|row| row.item).collect();
    let mut found = Vec::new();
    for item in items {
        let alike: Vec<&Row> = rows.iter().filter(|row| row.item == item).collect();
        let first = alike.iter().map(|row| row.time).min().unwrap();
        let last = alike.iter().map(|row| row.time).max().unwrap();
        found.push(match kind {
            Kind::Ratings => {
                (last, item, alike.iter().rev().find(|row| row.time == last).unwrap().value)
            }
            Kind::Strengths => (first, item, alike.iter().map(|row| row.value).sum()),
            Kind::Choices => (first, item, 1.0),
        });
    }
    found.sort_by_key(|&(time, item, _)| (time, item));
    found.into_iter().map(|(_, item, value)| (item, value)).collect()
}

/// A user's task by names.
type Named = (char, Values, Values);

/// What the split should be.
struct Naive {
    kind: Kind,
    after: u32,
    rows: Vec<Row>,
}

impl Naive {
    fn earlier(&self) -> Vec<Row> {
        self.rows.iter().filter(|row| row.time < self.after).copied().collect()
    }

    fn training(&self) -> Vec<(char, char, f32)> {
        let mut all = Vec::new();
        for user in self.users() {
            let rows: Vec<Row> =
                self.earlier().into_iter().filter(|row| row.user == user).collect();
            all.extend(once(self.kind, &rows).into_iter().map(|(item, value)| (user, item, value)));
        }
        all.sort_by_key(|&(user, item, _)| (user, item));
        all
    }

    fn users(&self) -> BTreeSet<char> {
        self.rows.iter().map(|row| row.user).collect()
    }

    fn new_users(&self) -> BTreeSet<char> {
        let known: BTreeSet<char> = self.earlier().iter().map(|row| row.user).collect();
        self.users().difference(&known).copied().collect()
    }

    fn new_items(&self) -> BTreeSet<char> {
        let known: BTreeSet<char> = self.earlier().iter().map(|row| row.item).collect();
        let all: BTreeSet<char> = self.rows.iter().map(|row| row.item).collect();
        all.difference(&known).copied().collect()
    }

    /// A user's rows before a time and item, and from there on without their items.
    fn cut(&self, user: char, place: (u32, char)) -> (Values, Values) {
        let of_user = self.rows.iter().filter(|row| row.user == user).copied();
        let (before, from): (Vec<Row>, Vec<Row>) =
            of_user.partition(|row| (row.time, row.item) < place);
        let known: BTreeSet<char> = before.iter().map(|row| row.item).collect();
        let mut from = once(self.kind, &from);
        from.retain(|(item, _)| !known.contains(item));
        (once(self.kind, &before), from)
    }

    /// When the user first met each item of some, in order.
    fn firsts(&self, user: char, items: &BTreeSet<char>) -> Vec<(u32, char)> {
        let mut firsts = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.user == user && items.contains(&row.item)) {
            let first = firsts.entry(row.item).or_insert(row.time);
            *first = row.time.min(*first);
        }
        let mut firsts: Vec<(u32, char)> = firsts.into_iter().map(|(i, t)| (t, i)).collect();
        firsts.sort_unstable();
        firsts
    }

    fn tasks(&self, new_user: bool, new_item: bool, min: usize, query: usize) -> Vec<Named> {
        let new_items = self.new_items();
        let all: BTreeSet<char> = self.rows.iter().map(|row| row.item).collect();
        let items: BTreeSet<char> =
            all.into_iter().filter(|item| new_items.contains(item) == new_item).collect();
        let mut tasks = Vec::new();
        for user in self.users() {
            if self.new_users().contains(&user) != new_user {
                continue;
            }
            let is_in = |(item, _): &(char, f32)| items.contains(item);
            if new_user {
                let firsts = self.firsts(user, &items);
                if firsts.len() < min {
                    continue;
                }
                let (mut known, mut asked) = self.cut(user, firsts[firsts.len() - query]);
                known.retain(is_in);
                asked.retain(is_in);
                assert_eq!(asked.len(), query);
                tasks.push((user, known, asked));
            } else {
                let (known, mut asked) = self.cut(user, (self.after, '\0'));
                asked.retain(is_in);
                if !asked.is_empty() && known.len() + asked.len() >= min {
                    tasks.push((user, known, asked));
                }
            }
        }
        tasks
    }

    fn ranking_tasks(&self, new_user: bool) -> Vec<Named> {
        let new_items = self.new_items();
        let all: BTreeSet<char> = self.rows.iter().map(|row| row.item).collect();
        let known_items: BTreeSet<char> = all.difference(&new_items).copied().collect();
        let mut tasks = Vec::new();
        for user in self.users() {
            let firsts = self.firsts(user, &known_items);
            if self.new_users().contains(&user) != new_user || firsts.len() < 20 {
                continue;
            }
            let place = match new_user {
                true => firsts[firsts.len() - firsts.len() / 5],
                false => (self.after, '\0'),
            };
            let (mut known, asked) = self.cut(user, place);
            known.retain(|(item, _)| known_items.contains(item));
            if !asked.is_empty() {
                tasks.push((user, known, asked));
            }
        }
        tasks
    }
}

fn name(ids: &melu::model::schema::Strings, row: usize) -> char {
    ids.get(row).unwrap().chars().next().unwrap()
}

fn training(dataset: &Dataset) -> Vec<(char, char, f32)> {
    let (users, items) = (dataset.users.ids(), dataset.items.ids());
    let ratings = dataset.ratings.iter();
    ratings.map(|r| (name(users, r.user as usize), name(items, r.item as usize), r.value)).collect()
}

fn new(ids: &melu::model::schema::Strings, new: &[bool]) -> BTreeSet<char> {
    (0..new.len()).filter(|&row| new[row]).map(|row| name(ids, row)).collect()
}

fn named(dataset: &Dataset, tasks: Option<Vec<Task>>) -> Vec<Named> {
    let rated = |all: &[Rated]| {
        all.iter().map(|r| (name(dataset.items.ids(), r.item as usize), r.value)).collect()
    };
    let task = |task: Task| {
        (name(dataset.users.ids(), task.user as usize), rated(&task.support), rated(&task.query))
    };
    tasks.unwrap().into_iter().map(task).collect()
}

fn check(dataset: &Dataset, naive: &Naive, min: usize, query: usize) -> Result<(), TestCaseError> {
    prop_assert_eq!(dataset.boundary().unwrap().seconds, f64::from(naive.after));
    prop_assert_eq!(training(dataset), naive.training());
    prop_assert_eq!(new(dataset.users.ids(), &dataset.new_users), naive.new_users());
    prop_assert_eq!(new(dataset.items.ids(), &dataset.new_items), naive.new_items());
    for (scenario, new_user, new_item) in [
        (Scenario::ExistingUsersExistingItems, false, false),
        (Scenario::NewUsers, true, false),
        (Scenario::NewItems, false, true),
        (Scenario::NewUsersNewItems, true, true),
    ] {
        prop_assert_eq!(
            named(dataset, dataset.tasks_by_time(scenario)),
            naive.tasks(new_user, new_item, min, query)
        );
        // Training's way in has nothing else.
        let count: usize = dataset.scenario(scenario).iter().map(|user| user.ratings.len()).sum();
        prop_assert_eq!(count, if new_user || new_item { 0 } else { dataset.ratings.len() });
    }
    for new_user in [false, true] {
        prop_assert_eq!(
            named(dataset, dataset.ranking_tasks_by_time(new_user)),
            naive.ranking_tasks(new_user)
        );
    }
    let later: BTreeSet<(char, char)> = naive.rows.iter().map(|row| (row.user, row.item)).collect();
    prop_assert_eq!(dataset.interactions(), later.len());
    Ok(())
}

/// From which time on the newest share lies.
fn boundary(rows: &[Row], share: f64) -> Option<u32> {
    let mut times: Vec<u32> = rows.iter().map(|row| row.time).collect();
    times.sort_unstable();
    let count = (share * times.len() as f64).round() as usize;
    times.get(times.len() - count).copied()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (0..5u8, 0..26u8, 1..=5u8, 0..60u32);
    let row = row.prop_map(|(user, item, value, time)| Row {
        user: char::from(b'A' + user),
        item: char::from(b'a' + item),
        value: f32::from(value),
        // A user each begins at another time, and an item too.
        time: 1_600_000_000 + (time / 2).max(8 * u32::from(user)).max(u32::from(item)),
    });
    prop::collection::vec(row, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_split_by_time_is_as_a_naive_reader_has_it(
        rows in rows(),
        kind in 0..3usize,
        at in prop_oneof![
            (1..40u32).prop_map(|at| (Some(at), 0.0)),
            (0.02f64..0.98).prop_map(|fraction| (None, fraction)),
        ],
        query in 1..4usize,
        more in 1..4usize,
    ) {
        let kind = KINDS[kind];
        // Otherwise the log is positive-only.
        let alike = rows.iter().all(|row| row.value == rows[0].value);
        prop_assume!(kind != Kind::Ratings || !alike);
        let (split, after) = match at {
            (Some(at), _) => (format!("after = {}", 1_600_000_000 + at), Some(1_600_000_000 + at)),
            (None, fraction) => {
                (format!("after = {{ fraction = {fraction} }}"), boundary(&rows, fraction))
            }
        };
        let min = query + more;
        let tasks = format!("[tasks]\nmin_ratings = {min}\nquery = {query}\n");
        let (first, last) = (
            rows.iter().map(|row| row.time).min().unwrap(),
            rows.iter().map(|row| row.time).max().unwrap(),
        );
        let after = after.filter(|after| first < *after && *after <= last);
        let found = open(kind, &rows, &split, &tasks);
        let Some(after) = after else {
            let message = found.unwrap_err().to_string();
            prop_assert!(message.contains("leaves nothing"), "{}", message);
            return Ok(());
        };
        let naive = Naive { kind, after, rows: rows.clone() };
        let earlier = naive.training();
        // What training sees may be alike though the log is not, or lie below `liked`.
        let spread = |value: f32| earlier.iter().any(|(.., v)| *v != value);
        prop_assume!(kind != Kind::Ratings || spread(earlier[0].2));
        let dataset = match found {
            Ok(dataset) => dataset,
            Err(error) => {
                let highest = earlier.iter().map(|(.., value)| *value).fold(0.0, f32::max);
                let lowest = earlier.iter().map(|(.., value)| *value).fold(9.0, f32::min);
                prop_assert!(kind == Kind::Ratings && (lowest > 2.0 || highest < 2.0), "{}", error);
                return Ok(());
            }
        };
        check(&dataset, &naive, min, query)?;

        // Inside, the same share of what came before is later.
        let before = naive.earlier();
        let share = 1.0 - before.len() as f64 / rows.len() as f64;
        let first = before.iter().map(|row| row.time).min().unwrap();
        let second = before.iter().map(|row| row.time).filter(|time| *time > first).min();
        let inside = dataset.inside(7);
        prop_assert_eq!(&inside, &dataset.inside(7));
        prop_assert_eq!(inside.users.len(), naive.users().len() - naive.new_users().len());
        match boundary(&before, share).filter(|time| *time > first).or(second) {
            Some(after) => check(&inside, &Naive { kind, after, rows: before }, min, query)?,
            None => {
                prop_assert_eq!(training(&inside), earlier);
                prop_assert!(!inside.new_users.contains(&true));
            }
        }
    }

    #[test]
    fn later_values_do_not_show_in_what_training_sees(rows in rows(), kind in 0..3usize) {
        let at = "after = { fraction = 0.3 }";
        let Ok(dataset) = open(KINDS[kind], &rows, at, "") else { return Ok(()) };
        let after = dataset.boundary().unwrap().seconds;
        let mut changed = rows.clone();
        for row in changed.iter_mut().filter(|row| f64::from(row.time) >= after) {
            row.value += 7.0;
        }
        let changed = open(KINDS[kind], &changed, at, "").unwrap();
        prop_assert_eq!(&changed.ratings, &dataset.ratings);
        prop_assert_eq!(changed.feedback, dataset.feedback);
        prop_assert_eq!(&changed.new_users, &dataset.new_users);
        prop_assert_eq!(&changed.new_items, &dataset.new_items);
        prop_assert_eq!(changed.inside(0), dataset.inside(0));
    }
}

fn row(user: char, item: char, value: u8, time: u32) -> Row {
    Row { user, item, value: value.into(), time }
}

/// Times from 2020-01-01 on, a day apart.
fn week() -> Vec<Row> {
    let day = |day: u32| 1_577_836_800 + 86_400 * day;
    vec![
        row('A', 'a', 1, day(0)),
        row('A', 'b', 5, day(1)),
        row('B', 'a', 3, day(2)),
        row('A', 'a', 4, day(4)),
        row('B', 'c', 2, day(4)),
        row('C', 'a', 2, day(5)),
    ]
}

#[test]
fn a_boundary_is_a_date_or_a_number_of_the_logs_unit() {
    let expected = [('A', 'a', 1.0), ('A', 'b', 5.0), ('B', 'a', 3.0)];
    for (after, shown) in [
        ("\"2020-01-04\"", "2020-01-04T00:00:00Z"),
        ("2020-01-04", "2020-01-04T00:00:00Z"),
        ("2020-01-04T01:00:00+01:00", "2020-01-04T00:00:00Z"),
        ("\"2020-01-03 00:00:01\"", "2020-01-03T00:00:01Z"),
        ("\"2020-01-05\"", "2020-01-05T00:00:00Z"),
        ("1578096000", "2020-01-04T00:00:00Z"),
        ("1578096000.0", "2020-01-04T00:00:00Z"),
        ("\"1578096000\"", "2020-01-04T00:00:00Z"),
        ("{ fraction = 0.5 }", "2020-01-05T00:00:00Z"),
        ("{ fraction = 0.4 }", "2020-01-05T00:00:00Z"),
    ] {
        let dataset = open(Kind::Ratings, &week(), &format!("after = {after}"), "").unwrap();
        assert_eq!(dataset.boundary().unwrap().to_string(), shown, "{after}");
        assert_eq!(training(&dataset), expected, "{after}");
        assert_eq!((dataset.interactions(), dataset.report.duplicates), (5, 0));
        let notes = dataset.notes();
        assert_eq!(
            notes[0],
            format!(
                "split by time: 3 ratings of 2 users and 2 items before {shown}, 2 ratings of 2 \
                 users and 2 items from then on; 1 users and 1 items are new, since they first \
                 occur then"
            )
        );
        assert!(notes[1].starts_with("1 later ratings are left out"), "{notes:?}");
    }
    // Thousandths of a second, and days of some calendar.
    for (scale, first) in [("000", 1_577_836_800), ("", 17)] {
        let folder = folder(Kind::Ratings, &[], "after = 1", "");
        let later = first + 1;
        let log = format!("u,i,v,t\nA,a,1,{first}{scale}\nA,b,2,{later}{scale}\n");
        fs::write(folder.path().join("log.csv"), log).unwrap();
        let path = folder.path().join("dataset.toml");
        let settings = fs::read_to_string(&path).unwrap();
        let after = format!("after = {later}{scale}");
        let settings = settings.replace("after = 1", &after).replace("liked = 2\n", "");
        fs::write(&path, settings).unwrap();
        let dataset = Dataset::open(folder.path()).unwrap();
        assert_eq!(training(&dataset), [('A', 'a', 1.0)]);
        let shown = if first == 17 { "18" } else { "2020-01-01T00:00:01Z" };
        assert_eq!(dataset.boundary().unwrap().to_string(), shown);
    }
}

#[test]
fn without_it_there_is_no_boundary() {
    let dataset = open(Kind::Ratings, &week(), "", "").unwrap();
    assert_eq!(dataset.boundary(), None);
    assert_eq!(dataset.interactions(), 5);
    assert_eq!(dataset.tasks_by_time(Scenario::NewUsers), None);
    assert_eq!(dataset.ranking_tasks_by_time(false), None);
    assert_eq!(training(&dataset)[0], ('A', 'a', 4.0));
}

#[test]
fn errors_say_what_is_wrong() {
    let fails = |split: &str| open(Kind::Ratings, &week(), split, "").unwrap_err().to_string();
    for (split, expected) in [
        (
            "after = \"2019-12-31\"",
            "[split] after = \"2019-12-31\" leaves nothing before it: the times in the log are from \
             2020-01-01T00:00:00Z to 2020-01-06T00:00:00Z",
        ),
        ("after = \"2020-01-01\"", "leaves nothing before it"),
        (
            "after = \"2020-01-06 00:00:01\"",
            "leaves nothing after it: the times in the log are from",
        ),
        ("after = { fraction = 0.99 }", "after = { fraction = 0.99 } leaves nothing before it"),
        ("after = { fraction = 0.01 }", "leaves nothing after it"),
        ("after = { fraction = 1 }", "a number between 0 and 1 is expected"),
        ("after = { fraction = 0.2, seed = 1 }", "is not { fraction = number between 0 and 1 }"),
        ("after = \"noon\"", "after = \"noon\" is no time; a date such as \"2020-01-01\""),
        ("after = 12:00:00", "is no time"),
        ("after = true", "is no time"),
        ("after = nan", "is no time"),
        (
            "after = 1578096000\nnew_users = { fraction = 0.2, seed = 0 }",
            "[split] has both after and new_users; after alone is expected",
        ),
        (
            "after = 1578096000\nnew_items = { file = \"x\" }",
            "[split] has both after and new_items; after alone is expected",
        ),
    ] {
        let message = fails(split);
        assert!(message.contains(expected), "{split}: {message}");
        assert!(message.contains("dataset.toml"), "{message}");
    }
    let folder = folder(Kind::Choices, &week(), "after = \"2020-01-04\"", "");
    let path = folder.path().join("dataset.toml");
    let settings = fs::read_to_string(&path).unwrap();
    fs::write(&path, settings.replace("time = \"t\"\n", "")).unwrap();
    let message = Dataset::open(folder.path()).unwrap_err().to_string();
    let expected = "[split] after = \"2020-01-04\" needs times, but [interactions] has none; add \
                    time = \"…\" to [interactions], the name of the column of times";
    assert!(message.contains(expected), "{message}");
}
