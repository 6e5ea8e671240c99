//! The part of the page on the worth of lists.

use std::fmt::Write;

use super::chart::{Chart, Line};
use super::figures::{BAND, around, given};
use super::tables::{marked, table};
use super::{Section, draws, escape, few, figure};
use crate::Result;
use crate::eval::{Among, Given, Ranker, Ranking, RankingEvaluation, RankingRow};

/// The numbers of answers for which all figures are shown.
const SHOWN: [Given; 4] = [Given::First(0), Given::First(5), Given::First(20), Given::All];

impl RankingEvaluation {
    /// Plots and tables of each ranking, for the page.
    pub(super) fn section(&self) -> Result<Section> {
        let mut body = String::from(
            "<p>The worth of a list of 20 from the whole catalogue: the normalised discounted \
             cumulative gain of items that users chose and liked, by the number of their answers \
             that are known. Higher is better.</p>\n",
        );
        for ranking in &self.rankings {
            let title = escape(&ranking.title());
            if ranking.users == 0 {
                let _ = writeln!(
                    body,
                    "<h3>{title}</h3>\n<p class=\"quiet\">No user has a relevant item.</p>"
                );
                continue;
            }
            let mut charts = figure("nDCG@20 by number of answers given", &gains(ranking)?);
            if ranking.rankers().len() > 1 {
                charts.push_str(&figure(
                    "nDCG@20 of the others minus melu's (the line at 0); the band is two standard errors to either side",
                    &differences(ranking)?,
                ));
            }
            let _ = writeln!(
                body,
                "<h3>{title}</h3>\n<p class=\"quiet\">{} users, {}, {} candidates.{}</p>\n\
                 <div class=\"figures\">\n{charts}</div>\n{}",
                ranking.users,
                draws(ranking.draws),
                ranking.candidates,
                few(ranking.few_users),
                tables(ranking),
            );
        }
        let settings = self.baselines.iter().map(|baseline| {
            (false, vec![escape(baseline.predictor.name()), escape(&baseline.settings)])
        });
        let caption = "Settings of the others, chosen on users held back inside training";
        body.push_str(&table("settings", caption, &[], &settings.collect::<Vec<_>>()));
        Ok(Section { title: "Lists".into(), body })
    }
}

/// A line for each of the rankers, through a number of each row and with a band around it.
fn lines(
    ranking: &Ranking,
    rankers: &[Ranker],
    number: impl Fn(&RankingRow) -> (f64, f64),
) -> Vec<Line> {
    let line = |ranker: &Ranker| Line {
        label: ranker.name().into(),
        colour: match ranker {
            Ranker::Melu => 0,
            Ranker::Ease => 3,
            Ranker::Ials => 5,
            Ranker::ItemKnn => 2,
            Ranker::Content => 4,
            Ranker::Popular => 6,
        },
        strong: *ranker == Ranker::Melu,
        points: ranking
            .of(*ranker)
            .enumerate()
            .map(|(x, row)| (x as f64, number(row).0, number(row).1))
            .collect(),
    };
    rankers.iter().map(line).collect()
}

fn chart(lines: Vec<Line>, guides: Vec<[(f64, f64); 2]>) -> Result<String> {
    let seen = lines.iter().flat_map(|line| &line.points).flat_map(|(_, y, b)| [y - b, y + b]);
    let y = around(seen.chain(guides.iter().flatten().map(|(_, y)| *y)));
    Chart { x: given(), x_label: "answers given".into(), y, decimals: 2, lines, guides }.svg()
}

fn gains(ranking: &Ranking) -> Result<String> {
    chart(lines(ranking, &ranking.rankers(), |row| (row.ndcg20, 0.0)), Vec::new())
}

fn differences(ranking: &Ranking) -> Result<String> {
    let difference = |row: &RankingRow| (row.ndcg20_difference, BAND * row.ndcg20_difference_se);
    let lines = lines(ranking, &ranking.rankers()[1..], difference);
    chart(lines, vec![[(-0.25, 0.0), (Given::ALL.len() as f64 - 0.75, 0.0)]])
}

fn tables(ranking: &Ranking) -> String {
    let row = |ranker: Ranker, cell: &dyn Fn(&RankingRow) -> String| {
        let cells = ranking.of(ranker).map(|row| marked(cell(row), ranking.few_users));
        let cells = std::iter::once(escape(ranker.name())).chain(cells);
        (ranker == Ranker::Melu, cells.collect())
    };
    let header: Vec<String> =
        std::iter::once(String::new()).chain(Given::ALL.iter().map(Given::to_string)).collect();
    let rankers = ranking.rankers();
    let gain = |row: &RankingRow| format!("{:.4}", row.ndcg20);
    let gains: Vec<_> = rankers.iter().map(|ranker| row(*ranker, &gain)).collect();
    let more: Vec<_> = rankers.iter().map(|ranker| row(*ranker, &difference)).collect();
    let mut html = table("", "nDCG@20 by number of answers given", &header, &gains);
    if rankers.len() > 1 {
        let caption = "The same minus melu's, ± standard error over users";
        html.push_str(&table("", caption, &header, &more));
    }
    for shown in SHOWN {
        let rows = ranking.rows.iter().filter(|row| row.given == shown);
        let rows: Vec<_> = rows.map(|row| figures(row, ranking)).collect();
        let mut header =
            vec!["", "nDCG@20", "recall@20", "hit@10", "MRR", "coverage", "popularity"];
        header.extend((ranking.among == Among::All).then_some("new items"));
        let header: Vec<String> = header.into_iter().map(String::from).collect();
        html.push_str(&table("", &format!("All figures with {shown} given"), &header, &rows));
    }
    html
}

/// A difference and its standard error; empty for the model itself.
fn difference(row: &RankingRow) -> String {
    match row.predictor {
        Ranker::Melu => String::new(),
        _ => format!(
            "{:+.4} <small>± {:.4}</small>",
            row.ndcg20_difference, row.ndcg20_difference_se
        ),
    }
}

fn figures(row: &RankingRow, ranking: &Ranking) -> (bool, Vec<String>) {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let mut cells = vec![
        escape(row.predictor.name()),
        format!("{:.4}", row.ndcg20),
        format!("{:.4}", row.recall20),
        format!("{:.3}", row.hit10),
        format!("{:.3}", row.mrr),
        percent(row.coverage),
        percent(row.popularity),
    ];
    cells.extend((ranking.among == Among::All).then(|| percent(row.new_items)));
    cells[1..].iter_mut().for_each(|cell| *cell = marked(std::mem::take(cell), ranking.few_users));
    (row.predictor == Ranker::Melu, cells)
}
