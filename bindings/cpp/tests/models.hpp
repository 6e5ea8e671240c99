// The models that the tests use, and what C says of them.

#ifndef MELU_TESTS_MODELS_HPP
#define MELU_TESTS_MODELS_HPP

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <melu.hpp>
#include <string>
#include <vector>

// A model of three items, "one", "two" and "three"; users have a region.
inline std::string sample() {
  const char* folder = std::getenv("MELU_TEST_MODELS");
  return std::string(folder ? folder : ".") + "/sample.melu";
}

// The same, in closed form: with standard deviations, and familiarity.
inline std::string sample_with_vectors() {
  const char* folder = std::getenv("MELU_TEST_MODELS");
  return std::string(folder ? folder : ".") + "/sample_with_vectors.melu";
}

// A model of 150 items with a head for choosing beside one for ratings; and one that was
// trained without ratings.
inline std::string choosing() {
  const char* folder = std::getenv("MELU_TEST_MODELS");
  return std::string(folder ? folder : ".") + "/choosing.melu";
}
inline std::string positive_only() {
  const char* folder = std::getenv("MELU_TEST_MODELS");
  return std::string(folder ? folder : ".") + "/positive_only.melu";
}

inline std::vector<std::byte> contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

// Scores of all items after some answers, by the C functions alone.
inline std::vector<float> c_scores(const std::string& path,
                                   const std::vector<std::uint32_t>& items,
                                   const std::vector<float>& ratings) {
  melu_model* model;
  melu_catalog* catalog;
  melu_user* user;
  EXPECT_EQ(melu_model_open({path.data(), path.size()}, nullptr, &model, nullptr), MELU_STATUS_OK);
  EXPECT_EQ(melu_model_catalog(model, &catalog, nullptr), MELU_STATUS_OK);
  EXPECT_EQ(melu_user_new(catalog, nullptr, 0, &user, nullptr, nullptr), MELU_STATUS_OK);
  EXPECT_EQ(melu_user_adapt(user, items.data(), ratings.data(), items.size(), nullptr),
            MELU_STATUS_OK);
  std::vector<float> scores(melu_catalog_len(catalog));
  EXPECT_EQ(melu_user_score(user, nullptr, MELU_ALL_ITEMS, scores.data(), scores.size(),
                            nullptr, nullptr),
            MELU_STATUS_OK);
  melu_user_free(user);
  melu_catalog_free(catalog);
  melu_model_free(model);
  return scores;
}

#endif
