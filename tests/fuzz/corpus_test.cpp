// Goal: no bytes that a stranger sends break a parser, nor what it promises of them (tests/fuzz/*.cpp).
// Method: each target over its corpus, and over what a fixed seed makes of it: bytes changed, cut, repeated, and two
// inputs put together. ./dev fuzz looks further; what it finds is kept in the corpus.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "tests/fuzz/target.h"
#include "tests/support/source_path.h"

namespace tenantry::fuzz {

std::vector<Target>& targets() {
  static std::vector<Target> all;
  return all;
}

namespace {

constexpr int changes_per_target = 2000;
constexpr std::size_t changed_size_max = 4096;

std::vector<std::string> corpus_of(const std::string& name) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(source_path("tests/fuzz/corpus/") + name)) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<std::string> inputs;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return inputs;
}

std::string changed(const std::vector<std::string>& inputs, std::mt19937& random) {
  const auto below = [&](std::size_t end) { return random() % std::max<std::size_t>(1, end); };
  std::string text = inputs[below(inputs.size())].substr(0, changed_size_max);
  for (auto changes = 1 + below(4); changes > 0; --changes) {
    const auto at = below(text.size() + 1);
    switch (below(5)) {
      case 0:
        text.insert(at, 1, static_cast<char>(random()));
        break;
      case 1:
        text.erase(at, below(16));
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 3:
        text.insert(at, text.substr(below(text.size()), below(64)));
        break;
      default: {
        const auto& other = inputs[below(inputs.size())];
        text = text.substr(0, at) + other.substr(below(other.size()), changed_size_max);
      }
    }
  }
  return text;
}

class Corpus : public testing::TestWithParam<Target> {};

TEST_P(Corpus, IsTakenAsPromised) {
  const auto inputs = corpus_of(GetParam().name);
  ASSERT_FALSE(inputs.empty());
  GetParam().run("");
  for (const auto& input : inputs) GetParam().run(input);
  std::mt19937 random(2026);  // NOLINT: the same ones each time
  for (int i = 0; i < changes_per_target; ++i) GetParam().run(changed(inputs, random));
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus, testing::ValuesIn(targets()),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace tenantry::fuzz
