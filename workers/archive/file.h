// DurableFile: a file that is there whole or not at all, also after a power cut.
//
// Written under a draft's name; keep() flushes it, gives it its own name and flushes the
// folder. One thread; throws std::runtime_error where the disk refuses.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "shared/crypto/hash.h"

namespace tenantry::archive {

class DurableFile {
 public:
  explicit DurableFile(std::filesystem::path path);
  ~DurableFile();  // without keep(): removes the draft
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  void write(std::string_view bytes);

  struct Kept {
    std::uint64_t bytes = 0;
    crypto::Digest sha256{};
  };
  Kept keep();  // once, last

 private:
  std::filesystem::path path_, draft_;
  int file_ = -1;
  std::uint64_t bytes_ = 0;
  crypto::Sha256 sha256_;
};

// The names in it are on the disk when this returns.
void sync_folder(const std::filesystem::path& folder);

}  // namespace tenantry::archive
