use proptest::prelude::*;

use super::*;
use crate::kernels::Matrix;
use crate::kernels::bfloat::{TILE_EDGE, TILE_ITEMS, TiledItems, from_upper_half, round_to_bfloat};

/// All that this process has, and the emulated ones.
fn kinds() -> impl Iterator<Item = (&'static str, Tiles)> {
    let own = Tiles::available().map(|tiles| ("the processor's", tiles));
    own.into_iter().chain([("emulated", Tiles::emulated())])
}

fn numbers(count: usize, seed: &mut u32) -> Vec<f32> {
    let mut next = || {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn padded(mut numbers: Vec<f32>, to: usize) -> Vec<f32> {
    numbers.resize(numbers.len().next_multiple_of(to), 0.0);
    numbers
}

/// Each number so many times as tiles read biases.
fn bias(numbers: &[f32]) -> Vec<f32> {
    padded(numbers.iter().flat_map(|bias| [*bias; TILE_ITEMS]).collect(), TILE_EDGE * TILE_ITEMS)
}

/// In double precision; a test of its own compares the rounding with another's.
fn rounded(number: f32) -> f64 {
    f64::from(round_to_bfloat(number))
}

/// A number of an item.
fn number(items: &TiledItems, item: usize, number: usize) -> f64 {
    let place = number % TILE_EDGE / 2 * TILE_ITEMS + item % TILE_ITEMS;
    // SAFETY: the item has so many numbers, and its tile so many pairs.
    let half = unsafe { *items.tile(item, number).add(2 * place + number % 2) };
    f64::from(from_upper_half(half))
}

/// A layer and its numbers, unrounded.
struct Case {
    inputs: usize,
    outputs: usize,
    rows: Vec<Vec<f32>>,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Case {
    fn new(rows: usize, inputs: usize, outputs: usize, seed: &mut u32) -> Self {
        Self {
            inputs,
            outputs,
            rows: (0..rows).map(|_| numbers(inputs, seed)).collect(),
            weight: numbers(inputs * outputs, seed),
            bias: numbers(outputs, seed),
        }
    }

    fn items(&self) -> TiledItems {
        let mut items = TiledItems::zeros(self.rows.len(), self.inputs).unwrap();
        self.rows.iter().enumerate().for_each(|(item, numbers)| items.round_into(item, numbers));
        items
    }

    fn packed(&self) -> TileWeight {
        let mut weight = TileWeight::zeros(self.inputs, self.outputs);
        weight.pack(Matrix::dense(&self.weight, self.outputs, self.inputs));
        weight
    }

    /// An output in double precision, and the sum of the terms' sizes.
    fn output(&self, row: usize, output: usize) -> (f64, f64) {
        let weight = &self.weight[output * self.inputs..][..self.inputs];
        let terms = self.rows[row].iter().zip(weight).map(|(a, b)| rounded(*a) * rounded(*b));
        let bias = f64::from(self.bias[output]);
        let (sum, size) =
            terms.fold((bias, bias.abs()), |(sum, size), term| (sum + term, size + term.abs()));
        (sum.max(0.0), size)
    }
}

fn close(found: f32, expected: f64, size: f64) -> bool {
    (f64::from(found) - expected).abs() <= 1e-5 * size
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn layers_are_those_of_rounded_numbers(
        start in 0usize..3,
        count in 1usize..100,
        inputs in 1usize..150,
        outputs in 1usize..100,
        mut seed: u32,
    ) {
        let start = TILE_EDGE * start;
        let case = Case::new(start + count, inputs, outputs, &mut seed);
        let (items, weight, bias) = (case.items(), case.packed(), bias(&case.bias));
        let whole = count.next_multiple_of(TILE_EDGE);
        for (name, tiles) in kinds() {
            let mut to = TiledItems::zeros(count, outputs).unwrap();
            let (mut squares, mut lost) = (vec![f32::NAN; whole], vec![f32::NAN; whole]);
            let after = After::Rounded { to: &mut to, lost: &mut lost };
            coarse_layer(
                tiles, &items, start..start + count, &weight, &bias, &mut squares, after,
            );
            for row in 0..count {
                let (mut square, mut square_lost) = (0.0, 0.0);
                for output in 0..outputs {
                    let (expected, size) = case.output(start + row, output);
                    let found = number(&to, row, output);
                    // One place of bfloat16 where the exact sum lies at the middle of two.
                    let error = (found - expected).abs();
                    prop_assert!(error <= expected / 256.0 + 1e-5 * size, "{name}: {error}");
                    square += found * found;
                    square_lost += (found - expected).powi(2);
                }
                prop_assert!(close(squares[row], square, square + 1e-9), "{name}");
                prop_assert!(
                    (f64::from(lost[row]).sqrt() - square_lost.sqrt()).abs() <= 1e-4,
                    "{name}: {} {square_lost}", lost[row]
                );
                for padding in outputs..to.width() {
                    prop_assert_eq!(number(&to, row, padding), 0.0);
                }
            }

            let by = padded(numbers(outputs, &mut seed), TILE_EDGE);
            let mut products = vec![f32::NAN; whole];
            let after = After::Product { column: &by, products: &mut products };
            coarse_layer(
                tiles, &items, start..start + count, &weight, &bias, &mut squares, after,
            );
            for row in 0..count {
                let (mut expected, mut size) = (0.0, 0.0);
                let (mut square, mut square_size) = (0.0, 0.0);
                for (output, by) in by[..outputs].iter().enumerate() {
                    let (exact, of_output) = case.output(start + row, output);
                    expected += exact * f64::from(*by);
                    size += of_output * f64::from(by.abs());
                    square += exact * exact;
                    square_size += of_output * of_output;
                }
                prop_assert!(close(products[row], expected, size), "{name}");
                prop_assert!(close(squares[row], square, square_size), "{name}");
            }
        }
    }

    #[test]
    fn numbers_are_rounded_as_by_another(bits: u32) {
        let number = f32::from_bits(bits);
        let found = round_to_bfloat(number);
        let halfway = bits & 0xffff == 0x8000;
        // Of two that are as near, the one further from 0 is meant.
        let number = if halfway { f32::from_bits(bits + 1) } else { number };
        let expected = half::bf16::from_f32_const(number).to_f32_const();
        prop_assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan());
    }
}

#[test]
fn tiles_do_not_mind_threads_and_come_back() {
    let mut seed = 5;
    let case = Case::new(40, 70, 40, &mut seed);
    let (items, weight, bias) = (case.items(), case.packed(), bias(&case.bias));
    for (name, tiles) in kinds() {
        let products = || {
            let (mut squares, mut products) = ([0.0; 64], [0.0; 64]);
            let by = [1.0; 64];
            for _ in 0..50 {
                let products = &mut products;
                let after = After::Product { column: &by, products };
                coarse_layer(tiles, &items, 0..40, &weight, &bias, &mut squares, after);
                std::thread::yield_now();
            }
            products.map(f32::to_bits)
        };
        let expected = products();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(products)).collect();
            for thread in threads {
                assert_eq!(thread.join().unwrap(), expected, "{name}");
            }
        });
    }
}

#[test]
fn the_processors_tiles_are_tried_where_it_has_them() {
    // Whether it has, as the system says: so that nothing goes untested unseen.
    let Ok(processor) = std::fs::read_to_string("/proc/cpuinfo") else { return };
    let has = ["amx_bf16", "amx_tile", "avx512f"]
        .iter()
        .all(|flag| processor.split_whitespace().any(|word| word == *flag));
    let best = crate::kernels::kernel_names()[0] == crate::kernels::kernel_name();
    assert_eq!(Tiles::available().is_some(), has && best);
}
