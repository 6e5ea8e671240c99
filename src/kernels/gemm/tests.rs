use ndarray::{Array2, ArrayView2, ShapeBuilder};
use proptest::prelude::*;

use super::super::cases::{LARGE, cases};
use super::*;

/// Numbers in [-1, 1), by a linear congruential generator.
fn numbers(count: usize, seed: &mut u32) -> Vec<f32> {
    let mut next = || {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A matrix laid out in memory: transposed or not, with gaps between its rows,
/// and beginning anywhere.
struct Laid {
    data: Vec<f32>,
    offset: usize,
    rows: usize,
    columns: usize,
    gap: usize,
    transposed: bool,
}

impl Laid {
    fn new(
        plain: &[f32],
        (rows, columns): (usize, usize),
        gap: usize,
        offset: usize,
        transposed: bool,
    ) -> Self {
        let (outer, inner) = if transposed { (columns, rows) } else { (rows, columns) };
        let mut data = vec![f32::NAN; offset + outer * (inner + gap)];
        for row in 0..rows {
            for column in 0..columns {
                let (o, i) = if transposed { (column, row) } else { (row, column) };
                data[offset + o * (inner + gap) + i] = plain[row * columns + column];
            }
        }
        Self { data, offset, rows, columns, gap, transposed }
    }

    fn view(&self) -> Matrix<'_> {
        let data = &self.data[self.offset..];
        match self.transposed {
            true => Matrix::new(data, self.columns, self.rows, self.rows + self.gap).transposed(),
            false => Matrix::new(data, self.rows, self.columns, self.columns + self.gap),
        }
    }
}

/// Three loops in double precision: the product, and the sum of the terms' sizes.
fn naive(a: &[f32], b: &[f32], (m, k, n): (usize, usize, usize)) -> Vec<(f64, f64)> {
    let element = |i: usize, j: usize| {
        let terms = (0..k).map(|l| f64::from(a[i * k + l]) * f64::from(b[l * n + j]));
        terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()))
    };
    (0..m * n).map(|place| element(place / n, place % n)).collect()
}

/// More than three loops have patience for.
const LARGER: usize = if cfg!(miri) { LARGE } else { 400 };

/// Sizes around those of tiles, vectors and panels; for Miri those around tiles and vectors.
fn size() -> impl Strategy<Value = usize> {
    let larger =
        if cfg!(miri) { vec![31, 32, 33] } else { vec![63, 64, 65, 96, 127, 128, 129, 200] };
    prop_oneof![0usize..20, 0..LARGE.min(70), prop::sample::select(larger)]
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn every_level_agrees_with_three_loops(
        (m, k, n) in (size(), prop_oneof![size(), 250usize..300], size()),
        gaps in prop::array::uniform3(0usize..5),
        offsets in prop::array::uniform3(0usize..17),
        transposed in prop::array::uniform2(any::<bool>()),
        start in 0..4,
        packed: bool,
        rectified: bool,
        mut seed: u32,
    ) {
        let (a, b) = (numbers(m * k, &mut seed), numbers(k * n, &mut seed));
        let (c, row) = (numbers(m * n, &mut seed), numbers(n, &mut seed));
        // A layer's inputs lie row by row.
        let laid_a = Laid::new(&a, (m, k), gaps[0], offsets[0], transposed[0] && !packed);
        let laid_b = Laid::new(&b, (k, n), gaps[1], offsets[1], transposed[1]);
        let expected = naive(&a, &b, (m, k, n));
        for level in Level::available() {
            let mut laid_c = Laid::new(&c, (m, n), gaps[2], offsets[2], false);
            if start == 0 {
                laid_c.data.fill(f32::NAN);
            }
            let onto = Laid::new(&c, (m, n), gaps[0], offsets[1], false);
            let begin = match start {
                0 => Start::Zero,
                1 => Start::Kept,
                2 => Start::Row(&row),
                _ => Start::Matrix(onto.view()),
            };
            let mut right_factor = Packed::for_level(level, k, n).unwrap();
            let right = if packed {
                right_factor.pack(laid_b.view());
                Right::Packed(&right_factor)
            } else {
                Right::Matrix(laid_b.view())
            };
            let to = MatrixMut::new(&mut laid_c.data[offsets[2]..], m, n, n + gaps[2]);
            multiply(level, laid_a.view(), right, begin, rectified, to);
            let stride = n + gaps[2];
            for i in 0..m {
                for j in 0..n {
                    let (product, size) = expected[i * n + j];
                    let begun = match start { 0 => 0.0, 2 => row[j], _ => c[i * n + j] };
                    let expected = product + f64::from(begun);
                    let expected = if rectified { expected.max(0.0) } else { expected };
                    let found = f64::from(laid_c.data[offsets[2] + i * stride + j]);
                    prop_assert!(
                        (found - expected).abs() <= 1e-5 * (1.0 + size),
                        "{} {i} {j}: {found} {expected}", level.name()
                    );
                }
                for gap in n..stride {
                    prop_assert!(laid_c.data[offsets[2] + i * stride + gap].is_nan());
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_wherever_it_stands(
        (m, k, n) in (1usize..30, size(), 1usize..80),
        place in 0usize..30,
        packed: bool,
        mut seed: u32,
    ) {
        let place = place % m;
        let (a, b) = (numbers(m * k, &mut seed), numbers(n * k, &mut seed));
        let b = Matrix::dense(&b, n, k).transposed();
        for level in Level::available() {
            let mut right_factor = Packed::for_level(level, k, n).unwrap();
            right_factor.pack(b);
            let right = if packed { Right::Packed(&right_factor) } else { Right::Matrix(b) };
            let (mut all, mut one) = (vec![0.0; m * n], vec![0.0; n]);
            let (whole, row) = (Matrix::dense(&a, m, k), &a[place * k..][..k]);
            multiply(level, whole, right, Start::Zero, false, MatrixMut::dense(&mut all, m, n));
            let row = Matrix::dense(row, 1, k);
            multiply(level, row, right, Start::Zero, false, MatrixMut::dense(&mut one, 1, n));
            let bits = |row: &[f32]| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&all[place * n..][..n]), bits(&one), "{}", level.name());
        }
    }
}

/// The strides of a matrix's rows and columns, and where it begins.
fn strides(laid: &Laid) -> (&[f32], usize, usize) {
    let data = &laid.data[laid.offset..];
    match laid.transposed {
        true => (data, 1, laid.rows + laid.gap),
        false => (data, laid.columns + laid.gap, 1),
    }
}

/// `matrixmultiply`'s product in double precision, of the numbers or their sizes.
fn by_matrixmultiply(a: &Laid, b: &Laid, number: impl Fn(f32) -> f64) -> Vec<f64> {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    let double = |laid| {
        let (data, row, column) = strides(laid);
        let data: Vec<f64> = data.iter().map(|x| number(*x)).collect();
        (data, row as isize, column as isize)
    };
    let ((a, a_row, a_column), (b, b_row, b_column)) = (double(a), double(b));
    let mut c = vec![f64::NAN; m * n];
    // SAFETY: `Laid` has memory for all elements at these strides, and `c` has
    // `m` rows of `n`.
    unsafe {
        matrixmultiply::dgemm(
            m,
            k,
            n,
            1.0,
            a.as_ptr(),
            a_row,
            a_column,
            b.as_ptr(),
            b_row,
            b_column,
            0.0,
            c.as_mut_ptr(),
            n as isize,
            1,
        );
    }
    c
}

/// `ndarray`'s product.
fn by_ndarray(a: &Laid, b: &Laid) -> Array2<f32> {
    let view = |laid| {
        let (data, row, column) = strides(laid);
        let shape = (laid.rows, laid.columns).strides((row, column));
        ArrayView2::from_shape(shape, data).unwrap()
    };
    view(a).dot(&view(b))
}

proptest! {
    #![proptest_config(cases(500))]

    /// Larger ones than three loops have patience for.
    #[test]
    fn every_level_agrees_with_matrixmultiply_and_ndarray(
        (m, k, n) in (1..LARGER, 1..LARGER, 1..LARGER),
        gaps in prop::array::uniform2(0usize..9),
        offsets in prop::array::uniform2(0usize..17),
        transposed in prop::array::uniform2(any::<bool>()),
        packed: bool,
        mut seed: u32,
    ) {
        let (a, b) = (numbers(m * k, &mut seed), numbers(k * n, &mut seed));
        let a = Laid::new(&a, (m, k), gaps[0], offsets[0], transposed[0] && !packed);
        let b = Laid::new(&b, (k, n), gaps[1], offsets[1], transposed[1]);
        let (products, peer) = (by_matrixmultiply(&a, &b, f64::from), by_ndarray(&a, &b));
        let sizes = by_matrixmultiply(&a, &b, |x| f64::from(x.abs()));
        for level in Level::available() {
            let mut right_factor = Packed::for_level(level, k, n).unwrap();
            let right = if packed {
                right_factor.pack(b.view());
                Right::Packed(&right_factor)
            } else {
                Right::Matrix(b.view())
            };
            let mut c = vec![f32::NAN; m * n];
            multiply(level, a.view(), right, Start::Zero, false, MatrixMut::dense(&mut c, m, n));
            for (((found, product), size), peer) in c.iter().zip(&products).zip(&sizes).zip(&peer) {
                let (found, allowed) = (f64::from(*found), 1e-5 * (1.0 + size));
                let name = level.name();
                prop_assert!((found - product).abs() <= allowed, "{name}: {found} {product}");
                let peer = f64::from(*peer);
                prop_assert!((found - peer).abs() <= 2.0 * allowed, "{name}: {found} {peer}");
            }
        }
    }
}

/// Asks for the processor's levels in another way than the library: levels that the library
/// did not find would not be tested above.
#[test]
fn every_level_that_the_processor_has_is_tested() {
    let found: Vec<&str> = Level::available().map(Level::name).collect();
    if cfg!(all(target_arch = "wasm32", target_feature = "simd128")) {
        return assert_eq!(found, ["simd128"]);
    }
    assert_eq!(found.last(), Some(&"portable"));
    if std::env::var_os("MELU_REQUIRE_ALL").is_none() {
        return;
    }
    let expected = if cfg!(target_arch = "x86_64") {
        let flags = std::fs::read_to_string("/proc/cpuinfo").expect("Linux tells what it has");
        let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
        let mut expected = Vec::new();
        if has("avx2") && has("fma") {
            if has("avx512f") {
                expected.push("avx512");
            }
            expected.push("avx2");
        }
        expected
    } else if cfg!(target_arch = "aarch64") {
        // A part of the architecture; what an emulator's /proc/cpuinfo has is the host's.
        vec!["neon"]
    } else {
        Vec::new()
    };
    assert_eq!(found[..found.len() - 1], expected);
}

#[test]
#[should_panic(expected = "shapes of a product")]
fn shapes_that_do_not_agree_are_refused() {
    let mut c = [0.0; 4];
    let (a, b) = ([0.0; 6], [0.0; 8]);
    gemm(
        Matrix::dense(&a, 2, 3),
        Matrix::dense(&b, 4, 2),
        Start::Zero,
        MatrixMut::dense(&mut c, 2, 2),
    );
}
