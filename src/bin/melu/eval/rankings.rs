//! Tables of the worth of lists.

use anyhow::Result;
use melu::eval::{Among, Given, Ranking, RankingEvaluation, RankingRow};

use super::{by_given, marked, note_marks};
use crate::terminal::{self, print, print_table};

/// The numbers of answers for which all figures are shown.
const SHOWN: [Given; 4] = [Given::First(0), Given::First(5), Given::First(20), Given::All];

/// All tables, and the baselines' settings.
pub fn print_rankings(evaluation: &RankingEvaluation) -> Result<()> {
    print("Lists of 20: nDCG@20 by number of answers given, higher is better:\n")?;
    let (some, none): (Vec<&Ranking>, _) =
        evaluation.rankings.iter().partition(|ranking| ranking.users > 0);
    for ranking in &some {
        print(heading(ranking))?;
        let mut table = by_given("");
        for ranker in ranking.rankers().into_iter().rev() {
            let cell = |row: &RankingRow| marked(format!("{:.3}", row.ndcg20), ranking.few_users);
            let cells = ranking.of(ranker).map(cell);
            table.add_row([ranker.name().to_owned()].into_iter().chain(cells));
        }
        print_table(&table)?;
    }
    for ranking in none {
        print(format_args!("{}: no user has a relevant item here\n", ranking.title()))?;
    }
    print(
        "All figures of lists; \"more\" is the nDCG@20 minus melu's (± standard error over users);\n\
         coverage, popularity and new items are in %:\n",
    )?;
    for ranking in &some {
        print(heading(ranking))?;
        print_table(&figures(ranking))?;
    }
    note_marks(some.iter().any(|ranking| ranking.few_users))?;
    for baseline in &evaluation.baselines {
        print(format_args!("{}: {}", baseline.predictor.name(), baseline.settings))?;
    }
    print("")
}

fn heading(ranking: &Ranking) -> String {
    let &Ranking { users, draws, candidates, .. } = ranking;
    let draws = if draws == 1 { "1 draw".to_owned() } else { format!("{draws} draws") };
    format!("{} ({users} users, {draws}, {candidates} candidates)", ranking.title())
}

fn figures(ranking: &Ranking) -> terminal::TextTable {
    let mut header = vec![
        "given",
        "",
        "nDCG@20",
        "more",
        "",
        "recall@20",
        "hit@10",
        "MRR",
        "coverage",
        "popularity",
    ];
    let with_new = ranking.among == Among::All;
    header.extend(with_new.then_some("new items"));
    let mut table = terminal::table(&header, |column| column != 1);
    for given in SHOWN {
        for (place, ranker) in ranking.rankers().into_iter().rev().enumerate() {
            for row in ranking.of(ranker).filter(|row| row.given == given) {
                let number = if place == 0 { given.to_string() } else { String::new() };
                let is_melu = ranking.rankers().first() == Some(&ranker);
                let cells = cells(row, is_melu, with_new, ranking.few_users);
                table.add_row([number].into_iter().chain(cells));
            }
        }
    }
    table
}

fn cells(row: &RankingRow, is_melu: bool, with_new: bool, few_users: bool) -> Vec<String> {
    let marked = |figure: String| marked(figure, few_users);
    let difference = |text: String| if is_melu { String::new() } else { text };
    let mut cells = vec![
        row.predictor.name().to_owned(),
        marked(format!("{:.4}", row.ndcg20)),
        difference(format!("{:+.4}", row.ndcg20_difference)),
        difference(format!("± {:.4}", row.ndcg20_difference_se)),
        marked(format!("{:.4}", row.recall20)),
        marked(format!("{:.3}", row.hit10)),
        marked(format!("{:.3}", row.mrr)),
        format!("{:.1}", 100.0 * row.coverage),
        format!("{:.1}", 100.0 * row.popularity),
    ];
    cells.extend(with_new.then(|| format!("{:.1}", 100.0 * row.new_items)));
    cells
}
