// melu for C++17 and later: recommendations for people nobody knows yet.
//
//     melu::Model model = melu::Model::open("movies.melu");
//     melu::Catalog catalog = model.catalog();
//     melu::User user = catalog.user({{"age", "25-34"}});
//
//     melu::Questions questions = catalog.questions();
//     for (int asked = 0; asked < 3; asked++) {
//       std::optional<melu::Question> ask = user.next_question(questions);
//       if (ask) user.rate(ask->item, answer(catalog.title(ask->item)));
//     }
//
//     std::array<melu::Recommendation, 10> best;
//     for (const melu::Recommendation& found : user.recommend(best))
//       std::cout << catalog.title(found.item) << ' ' << found.score << '\n';
//
// All of it is in this one header, long as it is, so that a project can copy it beside
// melu.h, and there is nothing more to build. It stands over melu.h, which specifies what
// each function does, its errors, its cost and its units. What holds here:
//
// Errors.   A function that can fail throws melu::Error. Beside it is one that begins with
//           try_ and returns melu::expected instead: std::expected where there is one,
//           else one with the same members but value(). Without exceptions only those
//           with try_ are there; they never throw. Nothing else differs.
// Handles.  Model, Catalog, User and Questions own what they are of, and can be moved but
//           not copied. Each keeps alive what it was made from, so they may go in any
//           order. One that was moved from is refused as an invalid argument.
// Threads.  A const member function may be called by any number of threads at once,
//           another by one at a time, and none while the object is destroyed.
// Calls.    C cannot be passed by exceptions. What a filter throws is caught, and thrown again
//           once the call is over; with try_ it is an error. `release` must be noexcept.
// Lists.    Spans: std::span where there is one. An output is a span to write to, and the
//           part of it that was written is returned. Nothing here allocates; what the
//           C function behind it allocates, melu.h says.
//
// Translation units with different settings (exceptions, std::span, std::expected) may be
// linked together, but cannot hand these types to each other: the linker refuses.

#ifndef MELU_HPP
#define MELU_HPP

#include <melu.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#if __cplusplus > 201703L
#include <version>
#endif

#ifdef __cpp_lib_span
#include <span>
#define MELU_CPP_SPAN std_span
#else
#define MELU_CPP_SPAN own_span
#endif

#ifdef __cpp_lib_expected
#include <expected>
#define MELU_CPP_EXPECTED std_expected
#else
#define MELU_CPP_EXPECTED own_expected
#endif

#ifdef __cpp_exceptions
#define MELU_CPP_ERRORS exceptions
#else
#define MELU_CPP_ERRORS no_exceptions
#endif

namespace melu {
// The classes differ with these settings, so their names do too.
inline namespace MELU_CPP_SPAN {
inline namespace MELU_CPP_EXPECTED {
inline namespace MELU_CPP_ERRORS {

#ifdef __cpp_lib_span
template <class T>
using span = std::span<T>;
#else
// What std::span is in C++20, as far as it is needed here.
template <class T>
class span {
 public:
  using element_type = T;
  using value_type = std::remove_cv_t<T>;
  using size_type = std::size_t;
  using iterator = T*;

  constexpr span() noexcept = default;
  constexpr span(T* data, std::size_t size) noexcept : data_(data), size_(size) {}

  // Of whatever has data() and size(), or is an array; of a temporary only to read it.
  template <class List,
            class = std::enable_if_t<std::is_convertible_v<
                std::remove_pointer_t<decltype(std::data(std::declval<List&>()))> (*)[],
                T (*)[]>>,
            class = std::enable_if_t<std::is_lvalue_reference_v<List> || std::is_const_v<T>>>
  constexpr span(List&& list) noexcept : data_(std::data(list)), size_(std::size(list)) {}

  [[nodiscard]] constexpr T* data() const noexcept { return data_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] constexpr T* begin() const noexcept { return data_; }
  [[nodiscard]] constexpr T* end() const noexcept { return data_ + size_; }
  constexpr T& operator[](std::size_t index) const noexcept { return data_[index]; }
  constexpr T& front() const noexcept { return data_[0]; }
  constexpr T& back() const noexcept { return data_[size_ - 1]; }

  [[nodiscard]] constexpr span first(std::size_t count) const noexcept { return {data_, count}; }
  [[nodiscard]] constexpr span last(std::size_t count) const noexcept {
    return {data_ + (size_ - count), count};
  }
  [[nodiscard]] constexpr span subspan(std::size_t offset, std::size_t count) const noexcept {
    return {data_ + offset, count};
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};
#endif

// Why a call failed; melu_status says when each of them comes.
enum class Status : std::int32_t {
  ok = MELU_STATUS_OK,
  invalid_argument = MELU_STATUS_INVALID_ARGUMENT,
  invalid_utf8 = MELU_STATUS_INVALID_UTF8,
  capacity = MELU_STATUS_CAPACITY,
  io = MELU_STATUS_IO,
  weight_file = MELU_STATUS_WEIGHT_FILE,
  unknown_field = MELU_STATUS_UNKNOWN_FIELD,
  field_value = MELU_STATUS_FIELD_VALUE,
  item_index = MELU_STATUS_ITEM_INDEX,
  rating = MELU_STATUS_RATING,
  diverged = MELU_STATUS_DIVERGED,
  not_found = MELU_STATUS_NOT_FOUND,
  not_available = MELU_STATUS_NOT_AVAILABLE,
  saved_user = MELU_STATUS_SAVED_USER,
  out_of_memory = MELU_STATUS_OUT_OF_MEMORY,
  panic = MELU_STATUS_PANIC,
  memory_limit = MELU_STATUS_MEMORY_LIMIT,
};

// What went wrong, and where: the message names the argument and the value. It holds no
// memory beside itself, so copying it never fails.
class Error final : public std::exception {
 public:
  explicit Error(const melu_error& error) noexcept : error_(error) {}

  [[nodiscard]] Status status() const noexcept { return static_cast<Status>(error_.status); }
  [[nodiscard]] std::string_view message() const noexcept { return error_.message; }
  [[nodiscard]] const char* what() const noexcept override { return error_.message; }

  // Which user of a batch it is about, if it is about one.
  [[nodiscard]] std::optional<std::size_t> user() const noexcept {
    if (error_.user == MELU_NO_USER) return std::nullopt;
    return error_.user;
  }

 private:
  melu_error error_;
};

#ifdef __cpp_lib_expected
using unexpected = std::unexpected<Error>;

template <class T>
using expected = std::expected<T, Error>;
#else
// The error of an expected.
class unexpected {
 public:
  explicit unexpected(const Error& error) noexcept : error_(error) {}
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

// A value, or why there is none: what std::expected is in C++23, as far as it is needed
// here. Like there, only has_value() says which of the two may be asked for.
template <class T>
class [[nodiscard]] expected {
 public:
  using value_type = T;
  using error_type = Error;

  expected(T value) noexcept : state_(std::in_place_index<0>, std::move(value)) {}
  expected(const unexpected& failure) noexcept
      : state_(std::in_place_index<1>, failure.error()) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& operator*() & noexcept { return *std::get_if<0>(&state_); }
  const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }

  [[nodiscard]] const Error& error() const noexcept { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] expected<void> {
 public:
  using value_type = void;
  using error_type = Error;

  expected() noexcept = default;
  expected(const unexpected& failure) noexcept : error_(failure.error()) {}

  [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  void operator*() const noexcept {}

  [[nodiscard]] const Error& error() const noexcept { return *error_; }

 private:
  std::optional<Error> error_;
};
#endif

namespace detail {

inline melu_str c_string(std::string_view text) noexcept { return {text.data(), text.size()}; }

inline std::string_view view(melu_str text) noexcept { return {text.data, text.len}; }

inline unexpected failure(const melu_error& error) noexcept { return unexpected(Error(error)); }

// An error that C does not know of.
template <class... Arguments>
inline unexpected invalid_argument(const char* format, Arguments... arguments) noexcept {
  melu_error error;
  error.status = MELU_STATUS_INVALID_ARGUMENT;
  error.user = MELU_NO_USER;
  int length = std::snprintf(error.message, sizeof error.message, format, arguments...);
  error.length = length < 0 ? 0 : static_cast<std::size_t>(length);
  return failure(error);
}

// What C cannot see, since it takes one length for both lists.
inline unexpected wrong_length(const char* name, std::size_t found,
                               std::size_t wanted) noexcept {
  return invalid_argument("%s has %zu elements; %zu are expected", name, found, wanted);
}

#ifdef __cpp_exceptions
template <class T>
T value_or_throw(expected<T> result) {
  if (!result) throw result.error();
  return *std::move(result);
}
#endif

// A handle of the C library, and nothing else.
template <class T, void (*release)(T*)>
class Handle {
 public:
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) release(std::exchange(handle_, std::exchange(other.handle_, nullptr)));
    return *this;
  }
  ~Handle() { release(handle_); }

  // For the functions of melu.h; it stays this object's. NULL after a move.
  [[nodiscard]] T* get() const noexcept { return handle_; }

 protected:
  explicit Handle(T* handle) noexcept : handle_(handle) {}

 private:
  T* handle_;
};

}  // namespace detail

// What a model's fields describe.
enum class Entity : std::uint32_t { item = MELU_ENTITY_ITEM, user = MELU_ENTITY_USER };

// What a field takes: one value of a vocabulary, any number of them, or a number.
enum class FieldKind : std::uint32_t {
  one = MELU_FIELD_ONE,
  multi = MELU_FIELD_MULTI,
  numeric = MELU_FIELD_NUMERIC,
};

// A field of a model's users or items, as a form shows it.
struct Field {
  // Its name, which lives as long as the model.
  std::string_view name;
  FieldKind kind;
  // How many values there are to choose from; 0 of a numeric field.
  std::size_t values;
  // The values have names, which Model::field_value gives; else they are given by index.
  bool named;
  // The least and the greatest number in training; not a number where they are unknown.
  float lowest;
  float highest;
};

using Evidence = melu_evidence;
using LoadReport = melu_load_report;
using ModelDetails = melu_model_details;
using Question = melu_question;
using Recommendation = melu_recommendation;

// One value of one field of a user or an item. It points to its texts, which must live
// until the call that it is for has returned.
struct Value : melu_value {
  // Room for a value that is written, as by User::unknown_profile.
  Value() noexcept : melu_value{} {}

  // A name from the model's vocabulary, or a number written out.
  Value(std::string_view of, std::string_view value) noexcept
      : melu_value{detail::c_string(of), MELU_VALUE_NAME, 0, detail::c_string(value), 0} {}

  // A number, for numeric fields.
  template <class Number, class = std::enable_if_t<std::is_arithmetic_v<Number>>>
  Value(std::string_view of, Number value) noexcept
      : melu_value{detail::c_string(of), MELU_VALUE_NUMBER, 0, {nullptr, 0},
                   static_cast<float>(value)} {}

  // An index into the vocabulary, for models without names.
  [[nodiscard]] static Value of_index(std::string_view of, std::uint32_t place) noexcept {
    Value value(of, std::string_view());
    value.kind = MELU_VALUE_INDEX;
    value.index = place;
    return value;
  }

  // The field that it is of.
  [[nodiscard]] std::string_view field_name() const noexcept { return detail::view(field); }

  // The name that it has in a vocabulary; empty for a number and an index.
  [[nodiscard]] std::string_view value_name() const noexcept { return detail::view(name); }
};

// An item given by its field values: nobody need have rated it. It points to its id, values
// and title, which must live until the call that it is for has returned.
struct Item : melu_item {
  explicit Item(std::string_view name, span<const Value> list = {},
                std::string_view shown_as = {}) noexcept
      : melu_item{detail::c_string(name), list.data(), list.size(),
                  detail::c_string(shown_as)} {}
};

// Lists of them are handed to C as they are.
static_assert(sizeof(Value) == sizeof(melu_value) && sizeof(Item) == sizeof(melu_item));

// What recommendations are ordered by: how likely the user is to choose the item and to like
// it, or the predicted rating.
enum class Order : std::uint32_t { score = MELU_ORDER_SCORE, rating = MELU_ORDER_RATING };

// Decides whether an item may be recommended. It refers to a function object, such as a lambda
// that a variable holds, which must live until the call that it is for has returned:
//
//     auto in_stock = [&](std::uint32_t item) { return stock[item] > 0; };
//     options.filter = in_stock;
//
// All threads that compute call it, and only for items that would come into the list
// otherwise. If it throws, no other item passes; what was thrown comes out of `recommend`.
class Filter {
 public:
  // Lets all items pass.
  Filter() noexcept = default;

  template <class Function,
            class = std::enable_if_t<std::is_object_v<Function> &&
                                     std::is_invocable_r_v<bool, const Function&, std::uint32_t>>>
  Filter(const Function& function) noexcept
      : function_(std::addressof(function)),
        call_([](const void* given, std::uint32_t item) -> bool {
          return (*static_cast<const Function*>(given))(item);
        }) {}

  // A temporary would be gone when it is called.
  template <class Function,
            class = std::enable_if_t<std::is_object_v<Function> &&
                                     std::is_invocable_r_v<bool, const Function&, std::uint32_t>>>
  Filter(const Function&& function) = delete;

  explicit operator bool() const noexcept { return call_ != nullptr; }

  [[nodiscard]] bool lets_pass(std::uint32_t item) const {
    return call_ == nullptr || call_(function_, item);
  }

 private:
  const void* function_ = nullptr;
  bool (*call_)(const void*, std::uint32_t) = nullptr;
};

// Which items are recommended, in what order, and how many threads look for them.
struct RecommendOptions {
  // Items that are left out, in any order.
  span<const std::uint32_t> leave_out = {};
  // The only items to recommend, as a search or an index of vectors found them; none: all
  // items of the catalogue.
  std::optional<span<const std::uint32_t>> among = std::nullopt;
  // Items that neighbours of the user's answers speak for or against may be recommended too
  // where `among` lacks them: an index of vectors does not find them all.
  bool add_neighbours = false;
  // What the user rated may be recommended; else it is left out too.
  bool keep_rated = false;
  Order order = Order::score;
  // How much less it counts than in training that an item is much chosen: 1 is not at all.
  float popularity_discount = 0;
  // Items with fewer raters in training are left out.
  std::uint32_t min_raters = 0;
  // At least so many places go to items that nobody chose in training, if there are as many.
  std::size_t new_items = 0;
  // How many threads compute, the calling one among them; melu.h says what they cost.
  std::uint32_t threads = 1;
  // Lets only some of the other items into the list.
  Filter filter = {};
};

namespace detail {

// A filter during one call of C, which no exception may pass through.
class FilterCall {
 public:
  explicit FilterCall(const Filter& filter) noexcept : filter_(filter) {}
  FilterCall(const FilterCall&) = delete;
  FilterCall& operator=(const FilterCall&) = delete;

  void give(melu_recommend_options& options) noexcept {
    if (!filter_) return;
    options.filter = call;
    options.filter_context = this;
  }

#ifdef __cpp_exceptions
  // What the filter threw; null if nothing.
  [[nodiscard]] std::exception_ptr thrown() const noexcept {
    return written_.load(std::memory_order_acquire) ? thrown_ : nullptr;
  }
#endif

 private:
  static std::int32_t call(std::uint32_t item, void* context) noexcept {
    FilterCall& self = *static_cast<FilterCall*>(context);
#ifdef __cpp_exceptions
    if (self.failed_.load(std::memory_order_relaxed)) return 0;
    try {
      return self.filter_.lets_pass(item);
    } catch (...) {
      // The first of several threads says why.
      if (!self.failed_.exchange(true)) {
        self.thrown_ = std::current_exception();
        self.written_.store(true, std::memory_order_release);
      }
      return 0;
    }
#else
    return self.filter_.lets_pass(item);
#endif
  }

  const Filter& filter_;
#ifdef __cpp_exceptions
  std::atomic<bool> failed_ = false;
  std::atomic<bool> written_ = false;
  std::exception_ptr thrown_;
#endif
};

#ifdef __cpp_exceptions
// The same for a caller who wants no exception.
inline unexpected filter_failure(const std::exception_ptr& thrown) noexcept {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& exception) {
    return invalid_argument("filter: it threw an exception: %s", exception.what());
  } catch (...) {
    return invalid_argument("filter: it threw an exception%s", "");
  }
}
#endif

}  // namespace detail

// Items and what a user rated them: `ratings[i]` is that of `items[i]`.
struct Ratings {
  span<std::uint32_t> items;
  span<float> ratings;
};

// What is known besides the ratings when a question is chosen.
struct QuestionOptions {
  // Items that the user was asked about and did not know, in any order.
  span<const std::uint32_t> unknown = {};
  // Items that are not to be asked about, in any order.
  span<const std::uint32_t> leave_out = {};
  // The only items to ask about, where the program knows that the user knows them.
  std::optional<span<const std::uint32_t>> known = std::nullopt;
};

// Answers of several users: user `u` gave those from `offsets[u]` to `offsets[u + 1]`.
// Without any offsets, users keep what they are adapted to.
struct Answers {
  span<const std::size_t> offsets = {};
  span<const std::uint32_t> items = {};
  span<const float> ratings = {};
};

// Chooses questions to users of one catalogue. It serves any number of users,
// one thread at a time; Catalog::questions makes one.
class Questions : public detail::Handle<melu_questions, melu_questions_free> {
 private:
  friend class Catalog;
  using Handle::Handle;
};

// A user of one catalogue: a profile, ratings, and the head adapted to them.
// Catalog::user and Catalog::load make one.
class User : public detail::Handle<melu_user, melu_user_free> {
 public:
  // Adapts the user to all of their ratings, `ratings[i]` that of `items[i]`: what was
  // adapted before is replaced.
  [[nodiscard]] expected<void> try_adapt(span<const std::uint32_t> items,
                                         span<const float> ratings) noexcept {
    if (items.size() != ratings.size()) {
      return detail::wrong_length("ratings", ratings.size(), items.size());
    }
    melu_error error;
    if (melu_user_adapt(get(), items.data(), ratings.data(), ratings.size(), &error)) {
      return detail::failure(error);
    }
    return {};
  }

  // Forgets the user's ratings, but not the profile.
  [[nodiscard]] expected<void> try_reset() noexcept {
    melu_error error;
    if (melu_user_reset(get(), &error)) return detail::failure(error);
    return {};
  }

  // Adds a rating, or changes the one that the user gave of the item before, and adapts the
  // user to all of their ratings.
  [[nodiscard]] expected<void> try_rate(std::uint32_t item, float rating) noexcept {
    melu_error error;
    if (melu_user_rate(get(), item, rating, &error)) return detail::failure(error);
    return {};
  }

  // Withdraws the user's rating of an item, and adapts the user to the others. Returns
  // whether there was one.
  [[nodiscard]] expected<bool> try_withdraw(std::uint32_t item) noexcept {
    melu_error error;
    melu_status status = melu_user_withdraw(get(), item, &error);
    if (status == MELU_STATUS_NOT_FOUND) return false;
    if (status != MELU_STATUS_OK) return detail::failure(error);
    return true;
  }

  // How many ratings the user is adapted to.
  [[nodiscard]] expected<std::size_t> try_rating_count() const noexcept {
    std::size_t count;
    melu_error error;
    melu_status status = melu_user_ratings(get(), nullptr, nullptr, 0, &count, &error);
    if (status != MELU_STATUS_OK && status != MELU_STATUS_CAPACITY) {
      return detail::failure(error);
    }
    return count;
  }

  // The ratings that the user is adapted to. Returns the parts that were written.
  [[nodiscard]] expected<Ratings> try_ratings(span<std::uint32_t> items,
                                              span<float> ratings) const noexcept {
    if (items.size() != ratings.size()) {
      return detail::wrong_length("ratings", ratings.size(), items.size());
    }
    std::size_t count;
    melu_error error;
    if (melu_user_ratings(get(), items.data(), ratings.data(), items.size(), &count, &error)) {
      return detail::failure(error);
    }
    return Ratings{items.first(count), ratings.first(count)};
  }

  // How many values of the user's profile the model does not know.
  [[nodiscard]] expected<std::size_t> try_unknown_count() const noexcept {
    std::size_t count;
    melu_error error;
    melu_status status = melu_user_unknown_profile(get(), nullptr, 0, &count, &error);
    if (status != MELU_STATUS_OK && status != MELU_STATUS_CAPACITY) {
      return detail::failure(error);
    }
    return count;
  }

  // The values of the user's profile that the model does not know. Their texts live as long
  // as this user.
  [[nodiscard]] expected<span<Value>> try_unknown_profile(span<Value> values) const noexcept {
    std::size_t count;
    melu_error error;
    if (melu_user_unknown_profile(get(), values.data(), values.size(), &count, &error)) {
      return detail::failure(error);
    }
    return values.first(count);
  }

  // Scores items: `scores[i]` is that of `items[i]`, by which recommendations are ordered.
  // Returns the scores.
  [[nodiscard]] expected<span<float>> try_score(span<const std::uint32_t> items,
                                                span<float> scores) const noexcept {
    return score_some(items.data(), items.size(), scores);
  }

  // Scores the whole catalogue, in its order.
  [[nodiscard]] expected<span<float>> try_score_all(span<float> scores) const noexcept {
    return score_some(nullptr, MELU_ALL_ITEMS, scores);
  }

  // Predicts what the user would rate items: `ratings[i]` is that of `items[i]`, and
  // `deviations[i]`, if there is room for any, the standard deviation of what the user would
  // say of it. Returns the ratings.
  [[nodiscard]] expected<span<float>> try_predict(span<const std::uint32_t> items,
                                                  span<float> ratings,
                                                  span<float> deviations = {}) const noexcept {
    return predict_some(items.data(), items.size(), ratings, deviations);
  }

  // Predicts the ratings of the whole catalogue, in its order.
  [[nodiscard]] expected<span<float>> try_predict_all(span<float> ratings,
                                                      span<float> deviations = {}) const noexcept {
    return predict_some(nullptr, MELU_ALL_ITEMS, ratings, deviations);
  }

  // The user as a vector: what those of Catalog::item_vectors are multiplied with, and as
  // wide. It changes when the user is adapted or reset.
  [[nodiscard]] expected<span<float>> try_vector(span<float> vector) const noexcept {
    std::size_t width;
    melu_error error;
    if (melu_user_vector(get(), vector.data(), vector.size(), &width, &error)) {
      return detail::failure(error);
    }
    return vector.first(width);
  }

  // The best items of the user's catalogue or of a list, best first, as many as there is
  // room for.
  [[nodiscard]] expected<span<Recommendation>> try_recommend(
      span<Recommendation> best, const RecommendOptions& options = {}) const noexcept;

  // The item that the user is best asked about next; none if nothing is left to ask.
  [[nodiscard]] expected<std::optional<Question>> try_next_question(
      Questions& questions, const QuestionOptions& options = {}) const noexcept;

  // How many bytes `save` writes.
  [[nodiscard]] expected<std::size_t> try_saved_size() const noexcept {
    std::size_t size;
    melu_error error;
    melu_status status = melu_user_save(get(), nullptr, 0, &size, &error);
    if (status != MELU_STATUS_OK && status != MELU_STATUS_CAPACITY) {
      return detail::failure(error);
    }
    return size;
  }

  // Saves the user: profile, ratings by item id, and the adapted head.
  [[nodiscard]] expected<span<std::byte>> try_save(span<std::byte> bytes) const noexcept {
    std::size_t size;
    melu_error error;
    auto* data = reinterpret_cast<std::uint8_t*>(bytes.data());
    if (melu_user_save(get(), data, bytes.size(), &size, &error)) return detail::failure(error);
    return bytes.first(size);
  }

#ifdef __cpp_exceptions
  void adapt(span<const std::uint32_t> items, span<const float> ratings) {
    detail::value_or_throw(try_adapt(items, ratings));
  }

  void reset() { detail::value_or_throw(try_reset()); }

  void rate(std::uint32_t item, float rating) {
    detail::value_or_throw(try_rate(item, rating));
  }

  bool withdraw(std::uint32_t item) { return detail::value_or_throw(try_withdraw(item)); }

  [[nodiscard]] std::size_t rating_count() const {
    return detail::value_or_throw(try_rating_count());
  }

  Ratings ratings(span<std::uint32_t> items, span<float> ratings) const {
    return detail::value_or_throw(try_ratings(items, ratings));
  }

  [[nodiscard]] std::size_t unknown_count() const {
    return detail::value_or_throw(try_unknown_count());
  }

  [[nodiscard]] span<Value> unknown_profile(span<Value> values) const {
    return detail::value_or_throw(try_unknown_profile(values));
  }

  span<float> score(span<const std::uint32_t> items, span<float> scores) const {
    return detail::value_or_throw(try_score(items, scores));
  }

  span<float> score_all(span<float> scores) const {
    return detail::value_or_throw(try_score_all(scores));
  }

  span<float> predict(span<const std::uint32_t> items, span<float> ratings,
                      span<float> deviations = {}) const {
    return detail::value_or_throw(try_predict(items, ratings, deviations));
  }

  span<float> predict_all(span<float> ratings, span<float> deviations = {}) const {
    return detail::value_or_throw(try_predict_all(ratings, deviations));
  }

  span<float> vector(span<float> vector) const {
    return detail::value_or_throw(try_vector(vector));
  }

  // Throws what the filter threw, too.
  [[nodiscard]] span<Recommendation> recommend(span<Recommendation> best,
                                               const RecommendOptions& options = {}) const;

  [[nodiscard]] std::optional<Question> next_question(Questions& questions,
                                                      const QuestionOptions& options = {}) const {
    return detail::value_or_throw(try_next_question(questions, options));
  }

  [[nodiscard]] std::size_t saved_size() const {
    return detail::value_or_throw(try_saved_size());
  }

  [[nodiscard]] span<std::byte> save(span<std::byte> bytes) const {
    return detail::value_or_throw(try_save(bytes));
  }
#endif

 private:
  friend class Catalog;
  using Handle::Handle;

  expected<span<Recommendation>> recommend_some(span<Recommendation> best,
                                                const RecommendOptions& options,
                                                detail::FilterCall& filter) const noexcept;

  expected<span<float>> score_some(const std::uint32_t* items, std::size_t count,
                                   span<float> scores) const noexcept {
    std::size_t needed;
    melu_error error;
    if (melu_user_score(get(), items, count, scores.data(), scores.size(), &needed, &error)) {
      return detail::failure(error);
    }
    return scores.first(needed);
  }

  expected<span<float>> predict_some(const std::uint32_t* items, std::size_t count,
                                     span<float> ratings, span<float> deviations) const noexcept {
    if (!deviations.empty() && deviations.size() != ratings.size()) {
      return detail::wrong_length("deviations", deviations.size(), ratings.size());
    }
    std::size_t needed;
    melu_error error;
    float* second = deviations.empty() ? nullptr : deviations.data();
    if (melu_user_predict(get(), items, count, ratings.data(), second, ratings.size(), &needed,
                          &error)) {
      return detail::failure(error);
    }
    return ratings.first(needed);
  }
};

// A user is its handle, so that a list of users is a list of handles.
static_assert(std::is_standard_layout_v<User> && sizeof(User) == sizeof(melu_user*));

// What a catalogue keeps its rows in: 4 bytes a number, or 2.
enum class DataType : std::uint32_t { f32 = MELU_DATA_TYPE_F32, f16 = MELU_DATA_TYPE_F16 };

// Vectors as they lie in the memory of what gave them.
struct Vectors : melu_vectors {
  [[nodiscard]] std::size_t size() const noexcept { return rows; }

  // The numbers of one of them.
  [[nodiscard]] span<const float> operator[](std::size_t row) const noexcept {
    return {data + row * stride, width};
  }
};

// Items with their features, known by index from 0; it never changes.
// Model::catalog makes one.
class Catalog : public detail::Handle<melu_catalog, melu_catalog_free> {
 public:
  // How many items there are.
  [[nodiscard]] std::size_t size() const noexcept { return melu_catalog_len(get()); }

  // The index of the item with an id; none if there is no such item.
  [[nodiscard]] expected<std::optional<std::uint32_t>> try_find(
      std::string_view id) const noexcept {
    std::uint32_t item;
    melu_error error;
    melu_status status = melu_catalog_find(get(), detail::c_string(id), &item, &error);
    if (status == MELU_STATUS_NOT_FOUND) return std::optional<std::uint32_t>();
    if (status != MELU_STATUS_OK) return detail::failure(error);
    return std::optional<std::uint32_t>(item);
  }

  // The id of an item; it lives as long as this catalogue.
  [[nodiscard]] expected<std::string_view> try_id(std::uint32_t item) const noexcept {
    melu_str id;
    melu_error error;
    if (melu_catalog_id(get(), item, &id, &error)) return detail::failure(error);
    return detail::view(id);
  }

  // The title of an item, empty where there is none; it lives as long as this catalogue.
  [[nodiscard]] expected<std::string_view> try_title(std::uint32_t item) const noexcept {
    melu_str title;
    melu_error error;
    if (melu_catalog_title(get(), item, &title, &error)) return detail::failure(error);
    return detail::view(title);
  }

  // How many people chose or rated an item in training; 0 for one that is new.
  [[nodiscard]] expected<std::uint32_t> try_raters(std::uint32_t item) const noexcept {
    std::uint32_t raters;
    melu_error error;
    if (melu_catalog_raters(get(), item, &raters, &error)) return detail::failure(error);
    return raters;
  }

  // The items as vectors, for an index of vectors: the inner product of one and
  // User::vector is the item's score, but for what neighbours of the user's answers add and
  // for the predicted rating. They live as long as this catalogue.
  [[nodiscard]] expected<Vectors> try_item_vectors() const noexcept {
    Vectors vectors;
    melu_error error;
    if (melu_catalog_item_vectors(get(), &vectors, &error)) return detail::failure(error);
    return vectors;
  }

  // A catalogue of these items, at their indices, and after them more. A user moves to it
  // by `save` and `load`. `unknown_values` may be null, here and below; else it says how
  // many names the model's vocabularies lack.
  [[nodiscard]] expected<Catalog> try_extend(
      span<const Item> items, std::size_t* unknown_values = nullptr) const noexcept {
    melu_catalog* extended;
    melu_error error;
    if (melu_catalog_extend(get(), items.data(), items.size(), &extended, unknown_values,
                            &error)) {
      return detail::failure(error);
    }
    return Catalog(extended);
  }

  // A catalogue without some of these items; the others keep their order, and move up. A
  // user moves to it by `save` and `load`, and keeps ratings of items that are gone.
  [[nodiscard]] expected<Catalog> try_remove(span<const std::uint32_t> items) const noexcept {
    melu_catalog* smaller;
    melu_error error;
    if (melu_catalog_remove(get(), items.data(), items.size(), &smaller, &error)) {
      return detail::failure(error);
    }
    return Catalog(smaller);
  }

  // These items in another data type: with DataType::f16, rows take half the memory, and
  // scores move by some thousandth of their spread.
  [[nodiscard]] expected<Catalog> try_convert(DataType data_type) const noexcept {
    melu_catalog* converted;
    melu_error error;
    if (melu_catalog_convert(get(), static_cast<std::uint32_t>(data_type), &converted,
                             &error)) {
      return detail::failure(error);
    }
    return Catalog(converted);
  }

  // A user of whom a profile is known: values by field, in any order.
  [[nodiscard]] expected<User> try_user(
      span<const Value> profile = {}, std::size_t* unknown_values = nullptr) const noexcept {
    melu_user* user;
    melu_error error;
    if (melu_user_new(get(), profile.data(), profile.size(), &user, unknown_values, &error)) {
      return detail::failure(error);
    }
    return User(user);
  }
  [[nodiscard]] expected<User> try_user(
      std::initializer_list<Value> profile,
      std::size_t* unknown_values = nullptr) const noexcept {
    return try_user(span<const Value>(profile.begin(), profile.size()), unknown_values);
  }

  // A user that was saved, by a user of this model or of another. `report` may be null;
  // else it is written.
  [[nodiscard]] expected<User> try_load(span<const std::byte> bytes,
                                        LoadReport* report = nullptr) const noexcept {
    melu_user* user;
    melu_error error;
    if (report) report->struct_size = sizeof *report;
    auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    if (melu_user_load(get(), data, bytes.size(), &user, report, &error)) {
      return detail::failure(error);
    }
    return User(user);
  }

  // Room for choosing questions to users of this catalogue.
  [[nodiscard]] expected<Questions> try_questions() const noexcept {
    melu_questions* questions;
    melu_error error;
    if (melu_questions_new(get(), &questions, &error)) return detail::failure(error);
    return Questions(questions);
  }

#ifdef __cpp_exceptions
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view id) const {
    return detail::value_or_throw(try_find(id));
  }

  [[nodiscard]] std::string_view id(std::uint32_t item) const {
    return detail::value_or_throw(try_id(item));
  }

  [[nodiscard]] std::string_view title(std::uint32_t item) const {
    return detail::value_or_throw(try_title(item));
  }

  [[nodiscard]] std::uint32_t raters(std::uint32_t item) const {
    return detail::value_or_throw(try_raters(item));
  }

  [[nodiscard]] Vectors item_vectors() const {
    return detail::value_or_throw(try_item_vectors());
  }

  [[nodiscard]] Catalog convert(DataType data_type) const {
    return detail::value_or_throw(try_convert(data_type));
  }

  [[nodiscard]] Catalog extend(span<const Item> items,
                               std::size_t* unknown_values = nullptr) const {
    return detail::value_or_throw(try_extend(items, unknown_values));
  }

  [[nodiscard]] Catalog remove(span<const std::uint32_t> items) const {
    return detail::value_or_throw(try_remove(items));
  }

  [[nodiscard]] User user(span<const Value> profile = {},
                          std::size_t* unknown_values = nullptr) const {
    return detail::value_or_throw(try_user(profile, unknown_values));
  }
  [[nodiscard]] User user(std::initializer_list<Value> profile,
                          std::size_t* unknown_values = nullptr) const {
    return detail::value_or_throw(try_user(profile, unknown_values));
  }

  [[nodiscard]] User load(span<const std::byte> bytes, LoadReport* report = nullptr) const {
    return detail::value_or_throw(try_load(bytes, report));
  }

  [[nodiscard]] Questions questions() const { return detail::value_or_throw(try_questions()); }
#endif

 private:
  friend class Model;
  using Handle::Handle;
};

// How a model is opened. melu_open_options says more.
struct OpenOptions {
  // The most bytes that a catalogue of the model computes, and the most of what a call computes
  // in; 0 stands for 1 GiB.
  std::size_t max_memory = 0;
  // Reads a file into memory instead of mapping it.
  bool copy = false;
};

// A meta-trained model: an opened weight file.
class Model : public detail::Handle<melu_model, melu_model_free> {
 public:
  // Opens a weight file by its path, which is UTF-8, and checks it, but for the large tables of
  // its items, which calls check where they use them.
  [[nodiscard]] static expected<Model> try_open(std::string_view path,
                                                OpenOptions options = {}) noexcept {
    melu_open_options given = to_c(options);
    melu_model* model;
    melu_error error;
    if (melu_model_open(detail::c_string(path), &given, &model, &error)) {
      return detail::failure(error);
    }
    return Model(model);
  }

  // Opens a weight file that lies in memory; the bytes are copied.
  [[nodiscard]] static expected<Model> try_open_bytes(span<const std::byte> bytes,
                                                      OpenOptions options = {}) noexcept {
    return open_with(bytes, to_c(options));
  }

  // Opens a weight file that lies in memory, where the bytes must stay unchanged until
  // the model and all that was made from it is gone. Then `release`, which may be null,
  // is called with `context`, by whichever thread that is. Nobody could catch what it
  // throws, so it must be noexcept.
  [[nodiscard]] static expected<Model> try_open_borrowed(
      span<const std::byte> bytes, void (*release)(void* context) noexcept = nullptr,
      void* context = nullptr, OpenOptions options = {}) noexcept {
    melu_open_options given = to_c(options);
    given.borrow = 1;
    given.release = release;
    given.context = context;
    return open_with(bytes, given);
  }

  // What the model is like.
  [[nodiscard]] expected<ModelDetails> try_details() const noexcept {
    ModelDetails details = {};
    details.struct_size = sizeof details;
    melu_error error;
    if (melu_model_info(get(), &details, &error)) return detail::failure(error);
    return details;
  }

  // The field at an index among those of the items or of the users; none beyond the last:
  //     for (std::size_t i = 0; auto field = model.field(melu::Entity::user, i); ++i)
  [[nodiscard]] expected<std::optional<Field>> try_field(Entity entity,
                                                         std::size_t index) const noexcept {
    melu_field field = {};
    field.struct_size = sizeof field;
    melu_error error;
    melu_status status = melu_model_field(get(), static_cast<std::uint32_t>(entity), index,
                                          &field, &error);
    if (status == MELU_STATUS_NOT_FOUND) return std::optional<Field>();
    if (status != MELU_STATUS_OK) return detail::failure(error);
    return std::optional<Field>(Field{detail::view(field.name),
                                      static_cast<FieldKind>(field.kind), field.values,
                                      field.named != 0, field.lowest, field.highest});
  }

  // The name of a field's value; it lives as long as this model.
  [[nodiscard]] expected<std::string_view> try_field_value(Entity entity, std::size_t index,
                                                           std::size_t value) const noexcept {
    melu_str name;
    melu_error error;
    if (melu_model_field_value(get(), static_cast<std::uint32_t>(entity), index, value, &name,
                               &error)) {
      return detail::failure(error);
    }
    return detail::view(name);
  }

  // The items that a new user is best asked about, best first.
  [[nodiscard]] expected<span<Evidence>> try_evidence(span<Evidence> best) const noexcept {
    std::size_t count;
    melu_error error;
    if (melu_model_evidence(get(), best.data(), best.size(), &count, &error)) {
      return detail::failure(error);
    }
    return best.first(count);
  }

  // A catalogue of the weight file's own items.
  [[nodiscard]] expected<Catalog> try_catalog() const noexcept {
    melu_catalog* catalog;
    melu_error error;
    if (melu_model_catalog(get(), &catalog, &error)) return detail::failure(error);
    return Catalog(catalog);
  }

  // A catalogue of items given by their field values.
  [[nodiscard]] expected<Catalog> try_catalog(
      span<const Item> items, std::size_t* unknown_values = nullptr) const noexcept {
    melu_catalog* catalog;
    melu_error error;
    if (melu_catalog_new(get(), items.data(), items.size(), &catalog, unknown_values,
                         &error)) {
      return detail::failure(error);
    }
    return Catalog(catalog);
  }

#ifdef __cpp_exceptions
  [[nodiscard]] static Model open(std::string_view path, OpenOptions options = {}) {
    return detail::value_or_throw(try_open(path, options));
  }

  [[nodiscard]] static Model open_bytes(span<const std::byte> bytes, OpenOptions options = {}) {
    return detail::value_or_throw(try_open_bytes(bytes, options));
  }

  [[nodiscard]] static Model open_borrowed(span<const std::byte> bytes,
                                           void (*release)(void* context) noexcept = nullptr,
                                           void* context = nullptr, OpenOptions options = {}) {
    return detail::value_or_throw(try_open_borrowed(bytes, release, context, options));
  }

  [[nodiscard]] ModelDetails details() const { return detail::value_or_throw(try_details()); }

  [[nodiscard]] std::optional<Field> field(Entity entity, std::size_t index) const {
    return detail::value_or_throw(try_field(entity, index));
  }

  [[nodiscard]] std::string_view field_value(Entity entity, std::size_t index,
                                             std::size_t value) const {
    return detail::value_or_throw(try_field_value(entity, index, value));
  }

  [[nodiscard]] span<Evidence> evidence(span<Evidence> best) const {
    return detail::value_or_throw(try_evidence(best));
  }

  [[nodiscard]] Catalog catalog() const { return detail::value_or_throw(try_catalog()); }

  [[nodiscard]] Catalog catalog(span<const Item> items,
                                std::size_t* unknown_values = nullptr) const {
    return detail::value_or_throw(try_catalog(items, unknown_values));
  }
#endif

 private:
  using Handle::Handle;

  static melu_open_options to_c(OpenOptions options) noexcept {
    melu_open_options given = {};
    given.struct_size = sizeof given;
    given.max_memory = options.max_memory;
    given.copy = options.copy;
    return given;
  }

  static expected<Model> open_with(span<const std::byte> bytes,
                                   const melu_open_options& options) noexcept {
    melu_model* model;
    melu_error error;
    if (melu_model_open_bytes(bytes.data(), bytes.size(), &options, &model, &error)) {
      return detail::failure(error);
    }
    return Model(model);
  }
};

namespace detail {

// To C, NULL is any item, and an empty list none.
inline constexpr std::uint32_t no_item = 0;

inline const std::uint32_t* list_data(span<const std::uint32_t> list) noexcept {
  return list.empty() ? &no_item : list.data();
}

inline melu_recommend_options c_options(const RecommendOptions& options) noexcept {
  melu_recommend_options given = {};
  given.struct_size = sizeof given;
  given.leave_out = options.leave_out.data();
  given.leave_out_len = options.leave_out.size();
  // By value_or, since GCC 12 takes the list for uninitialised where it is read in an `if`.
  const auto among = options.among.value_or(span<const std::uint32_t>());
  given.among = options.among ? list_data(among) : nullptr;
  given.among_len = among.size();
  given.new_items = options.new_items;
  given.add_neighbours = options.add_neighbours;
  given.keep_rated = options.keep_rated;
  given.order = static_cast<std::uint32_t>(options.order);
  given.min_raters = options.min_raters;
  given.popularity_discount = options.popularity_discount;
  given.threads = options.threads;
  return given;
}

}  // namespace detail

inline expected<span<Recommendation>> User::recommend_some(
    span<Recommendation> best, const RecommendOptions& options,
    detail::FilterCall& filter) const noexcept {
  melu_recommend_options given = detail::c_options(options);
  filter.give(given);
  std::size_t count;
  melu_error error;
  if (melu_user_recommend(get(), &given, best.data(), best.size(), &count, &error)) {
    return detail::failure(error);
  }
  return best.first(count);
}

inline expected<span<Recommendation>> User::try_recommend(
    span<Recommendation> best, const RecommendOptions& options) const noexcept {
  detail::FilterCall filter(options.filter);
  expected<span<Recommendation>> found = recommend_some(best, options, filter);
#ifdef __cpp_exceptions
  if (std::exception_ptr thrown = filter.thrown()) return detail::filter_failure(thrown);
#endif
  return found;
}

#ifdef __cpp_exceptions
inline span<Recommendation> User::recommend(span<Recommendation> best,
                                            const RecommendOptions& options) const {
  detail::FilterCall filter(options.filter);
  expected<span<Recommendation>> found = recommend_some(best, options, filter);
  if (std::exception_ptr thrown = filter.thrown()) std::rethrow_exception(thrown);
  return detail::value_or_throw(std::move(found));
}
#endif

inline expected<std::optional<Question>> User::try_next_question(
    Questions& questions, const QuestionOptions& options) const noexcept {
  melu_question_options given = {};
  given.struct_size = sizeof given;
  given.unknown = options.unknown.data();
  given.unknown_len = options.unknown.size();
  given.leave_out = options.leave_out.data();
  given.leave_out_len = options.leave_out.size();
  if (options.known) {
    given.known = detail::list_data(*options.known);
    given.known_len = options.known->size();
  }
  Question question;
  melu_error error;
  melu_status status =
      melu_user_next_question(get(), questions.get(), &given, &question, &error);
  if (status == MELU_STATUS_NOT_FOUND) return std::optional<Question>();
  if (status != MELU_STATUS_OK) return detail::failure(error);
  return std::optional<Question>(question);
}

namespace detail {

inline expected<void> recommend_batch(span<melu_user* const> users, const Answers& answers,
                                      span<Recommendation> best, span<std::size_t> counts,
                                      const RecommendOptions& options,
                                      FilterCall& filter) noexcept {
  for (std::size_t& count : counts) count = 0;
  if (counts.size() != users.size()) {
    return wrong_length("counts", counts.size(), users.size());
  }
  if (!answers.offsets.empty() && answers.offsets.size() != users.size() + 1) {
    return wrong_length("offsets", answers.offsets.size(), users.size() + 1);
  }
  if (answers.items.size() != answers.ratings.size()) {
    return wrong_length("ratings", answers.ratings.size(), answers.items.size());
  }
  std::size_t capacity = users.empty() ? 0 : best.size() / users.size();
  if (capacity * users.size() != best.size()) {
    return wrong_length("best", best.size(), capacity * users.size());
  }
  melu_recommend_options given = c_options(options);
  filter.give(given);
  melu_error error;
  const std::size_t* offsets = answers.offsets.empty() ? nullptr : answers.offsets.data();
  melu_status status = melu_recommend_batch(
      users.data(), users.size(), offsets, answers.items.data(), answers.ratings.data(),
      answers.ratings.size(), &given, best.data(), capacity, counts.data(), &error);
#ifdef __cpp_exceptions
  if (filter.thrown()) {
    for (std::size_t& count : counts) count = 0;
  }
#endif
  if (status != MELU_STATUS_OK) return failure(error);
  return {};
}

// Users that lie one after another, as their handles.
inline span<melu_user* const> handles(span<User> users) noexcept {
  return {reinterpret_cast<melu_user* const*>(users.data()), users.size()};
}

}  // namespace detail

// Adapts and recommends for many users in one call, by their handles.
//
// `best` is divided equally between them: that of user `u` begins at `u` times
// best.size() / users.size(). `counts[u]` is how many were written for user `u`; it is 0
// from the first user on with whom something is wrong, whom Error::user() tells, and for all
// users if lists do not fit one another or the filter threw.
[[nodiscard]] inline expected<void> try_recommend_batch(
    span<melu_user* const> users, const Answers& answers, span<Recommendation> best,
    span<std::size_t> counts, const RecommendOptions& options = {}) noexcept {
  detail::FilterCall filter(options.filter);
  expected<void> done =
      detail::recommend_batch(users, answers, best, counts, options, filter);
#ifdef __cpp_exceptions
  if (std::exception_ptr thrown = filter.thrown()) return detail::filter_failure(thrown);
#endif
  return done;
}

// The same for users that lie one after another.
[[nodiscard]] inline expected<void> try_recommend_batch(
    span<User> users, const Answers& answers, span<Recommendation> best,
    span<std::size_t> counts, const RecommendOptions& options = {}) noexcept {
  return try_recommend_batch(detail::handles(users), answers, best, counts, options);
}

#ifdef __cpp_exceptions
// Throws what the filter threw, too.
inline void recommend_batch(span<melu_user* const> users, const Answers& answers,
                            span<Recommendation> best, span<std::size_t> counts,
                            const RecommendOptions& options = {}) {
  detail::FilterCall filter(options.filter);
  expected<void> done =
      detail::recommend_batch(users, answers, best, counts, options, filter);
  if (std::exception_ptr thrown = filter.thrown()) std::rethrow_exception(thrown);
  detail::value_or_throw(std::move(done));
}

inline void recommend_batch(span<User> users, const Answers& answers, span<Recommendation> best,
                            span<std::size_t> counts, const RecommendOptions& options = {}) {
  recommend_batch(detail::handles(users), answers, best, counts, options);
}
#endif

// The library's version, as in "0.1.0".
[[nodiscard]] inline std::string_view version() noexcept { return detail::view(melu_version()); }

// What a status means in a few words.
[[nodiscard]] inline std::string_view message(Status status) noexcept {
  return detail::view(melu_status_str(static_cast<std::int32_t>(status)));
}

// The instructions that this processor's scores are computed with, as in "avx2".
[[nodiscard]] inline std::string_view kernel_name() noexcept {
  return detail::view(melu_kernel_name());
}

}  // namespace MELU_CPP_ERRORS
}  // namespace MELU_CPP_EXPECTED
}  // namespace MELU_CPP_SPAN
}  // namespace melu

#undef MELU_CPP_SPAN
#undef MELU_CPP_EXPECTED
#undef MELU_CPP_ERRORS

#endif  // MELU_HPP
