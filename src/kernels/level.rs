//! The instructions with which this process computes, chosen once, when they are first
//! needed.

use std::sync::OnceLock;

#[cfg(target_arch = "aarch64")]
use super::aarch64::Neon;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use super::portable::Portable;
use super::simd::Kernel;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::wasm32::Simd128;
#[cfg(target_arch = "x86_64")]
use super::x86_64::Avx2;
#[cfg(all(target_arch = "x86_64", not(melu_small)))]
use super::x86_64::Avx512;

/// The environment variable that forces a level, for tests and measurements.
const VARIABLE: &str = "MELU_KERNEL";

/// The instructions of this processor: a value exists only for levels that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Instructions);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instructions {
    #[cfg(all(target_arch = "x86_64", not(melu_small)))]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    Portable,
}

/// What any processor has that runs this.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
const LEAST: Instructions = Instructions::Portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
const LEAST: Instructions = Instructions::Simd128;

impl Level {
    /// The levels of this processor, best first.
    pub fn available() -> impl Iterator<Item = Self> {
        let levels = [
            #[cfg(all(target_arch = "x86_64", not(melu_small)))]
            (
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("popcnt"),
                Instructions::Avx512,
            ),
            #[cfg(target_arch = "x86_64")]
            (
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c")
                    && is_x86_feature_detected!("popcnt"),
                Instructions::Avx2,
            ),
            #[cfg(target_arch = "aarch64")]
            (std::arch::is_aarch64_feature_detected!("neon"), Instructions::Neon),
            // Alone: whoever runs the module has them, and it is to be small.
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            (true, Instructions::Simd128),
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            (true, Instructions::Portable),
        ];
        levels.into_iter().filter(|(has, _)| *has).map(|(_, instructions)| Self(instructions))
    }

    /// The level of this process: the best one, unless the environment names
    /// another that the processor has.
    pub fn current() -> Self {
        *chosen().as_ref().unwrap_or(&Self(LEAST))
    }

    /// Whether [`super::rounded`] may use AVX-512. A small library has all other kernels for AVX2
    /// alone: those for AVX-512 are 60 KB, and the default recipe is as fast without them.
    #[cfg(target_arch = "x86_64")]
    pub fn may_be_avx512(self) -> bool {
        #[cfg(not(melu_small))]
        return self.0 == Instructions::Avx512;
        #[cfg(melu_small)]
        return self.0 == Instructions::Avx2 && is_x86_feature_detected!("avx512f");
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(all(target_arch = "x86_64", not(melu_small)))]
            Instructions::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => "neon",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Instructions::Simd128 => "simd128",
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            Instructions::Portable => "portable",
        }
    }

    /// Runs a kernel that is compiled for the level.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            // SAFETY: there is a value of this level only where `available` found the
            // processor to have AVX-512F, AVX2, FMA and POPCNT.
            #[cfg(all(target_arch = "x86_64", not(melu_small)))]
            Instructions::Avx512 => unsafe { avx512(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: there is a value of this level only where `available` found the
            // processor to have AVX2, FMA, F16C and POPCNT.
            Instructions::Avx2 => unsafe { avx2(kernel) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: there is a value of this level only where `available` found the
            // processor to have NEON.
            Instructions::Neon => unsafe { neon(kernel) },
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Instructions::Simd128 => simd128(kernel),
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            Instructions::Portable => portable(kernel),
        }
    }
}

/// Apart, so that callers of other levels do not need its stack.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline(never)]
fn portable<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Portable)
}

#[cfg(all(target_arch = "x86_64", not(melu_small)))]
#[target_feature(enable = "avx512f,avx2,fma,popcnt")]
pub(super) fn avx512<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: whoever calls this vouches for these very features.
    kernel.run(unsafe { Avx512::new() })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,popcnt")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: whoever calls this vouches for these very features.
    kernel.run(unsafe { Avx2::new() })
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
fn neon<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: whoever calls this vouches for this very feature.
    kernel.run(unsafe { Neon::new() })
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline(never)]
fn simd128<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Simd128)
}

fn chosen() -> &'static Result<Level, String> {
    static CHOSEN: OnceLock<Result<Level, String>> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        choose(std::env::var_os(VARIABLE).map(|name| name.to_string_lossy().into()))
    })
}

/// The level of this name, or the best one of all.
fn choose(name: Option<String>) -> Result<Level, String> {
    let mut levels = Level::available();
    let found = match &name {
        Some(name) if !name.is_empty() => levels.find(|level| level.name() == name),
        _ => levels.next(),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = Level::available().map(Level::name).collect();
        let name = name.unwrap_or_default();
        format!("is \"{name}\"; this processor has {}", names.join(", "))
    })
}

/// The instructions with which this process computes: `avx512`, `avx2`, `neon`, `simd128`
/// or `portable`.
///
/// The processor's best ones are chosen once, when they are first needed. The environment
/// variable `MELU_KERNEL` forces others, for tests and measurements; an unknown name fails
/// [`Model::open`](crate::Model::open). May be called from any thread.
pub fn kernel_name() -> &'static str {
    Level::current().name()
}

/// All names that [`kernel_name`] can have on this processor, best first.
pub fn kernel_names() -> Vec<&'static str> {
    Level::available().map(Level::name).collect()
}

/// The environment variable that chooses the level, and the problem with its value, in words.
pub fn check_choice() -> Result<(), (&'static str, String)> {
    chosen().as_ref().map(|_| ()).map_err(|problem| (VARIABLE, problem.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_chosen_by_name() {
        let best = Level::available().next().unwrap();
        assert_eq!(choose(None), Ok(best));
        assert_eq!(choose(Some(String::new())), Ok(best));
        for level in Level::available() {
            assert_eq!(choose(Some(level.name().into())), Ok(level));
        }
        let problem = choose(Some("mmx".into())).unwrap_err();
        let least = Level(LEAST).name();
        assert!(problem.contains("\"mmx\"") && problem.contains(least), "{problem}");
    }
}
