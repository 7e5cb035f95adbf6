#include "workers/archive/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace tenantry::archive {
namespace {

[[noreturn]] void disk_refuses(const std::string& what) {
  throw std::runtime_error("the archive cannot be written: " + what + ": " + std::strerror(errno));
}

}  // namespace

DurableFile::DurableFile(std::filesystem::path path) : path_(std::move(path)), draft_(path_) {
  draft_ += ".new";
  file_ = ::open(draft_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR | S_IRGRP);
  if (file_ < 0) disk_refuses("open " + draft_.string());
}

DurableFile::~DurableFile() {
  if (file_ < 0) return;
  ::close(file_);
  ::unlink(draft_.c_str());
}

void DurableFile::write(std::string_view bytes) {
  sha256_.update(as_bytes(bytes));
  bytes_ += bytes.size();
  while (!bytes.empty()) {
    const auto written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) disk_refuses("write " + draft_.string());
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

DurableFile::Kept DurableFile::keep() {
  if (::fsync(file_) != 0) disk_refuses("fsync " + draft_.string());
  ::close(file_);
  file_ = -1;
  if (::rename(draft_.c_str(), path_.c_str()) != 0) disk_refuses("rename " + draft_.string());
  sync_folder(path_.parent_path());
  return {bytes_, sha256_.finish()};
}

void sync_folder(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) disk_refuses("open " + folder.string());
  const int result = ::fsync(file);
  ::close(file);
  if (result != 0) disk_refuses("fsync " + folder.string());
}

}  // namespace tenantry::archive
