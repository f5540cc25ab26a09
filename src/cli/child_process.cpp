#include "child_process.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

namespace tandem_cli {
namespace {

using tandem::errc;
using tandem::error;

// A message: one letter, the length, the bytes. 'p' progress, 'r' result, 'e' error (one byte of code, then text).
struct header {
  char kind = 0;
  std::uint64_t size = 0;
};

bool read_all(int from, void* to, std::size_t size) {
  auto* at = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t got = ::read(from, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_all(int to, const void* from, std::size_t size) {
  const auto* at = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t put = ::write(to, at, size);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    at += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

bool send(int to, char kind, std::string_view bytes) {
  header head;
  head.kind = kind;
  head.size = bytes.size();
  return write_all(to, &head, sizeof head) && write_all(to, bytes.data(), bytes.size());
}

std::string coded(errc code, std::string_view text) {
  return std::string(1, static_cast<char>(code)) + std::string(text);
}

std::array<int, 2> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw error(errc::io_error, std::string("no pipe: ") + std::strerror(errno));
  return ends;
}

void close_if_open(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace

child_process::child_process(std::string name, const work& job) : name_(std::move(name)) {
  const std::array<int, 2> go = open_pipe();
  const std::array<int, 2> out = open_pipe();
  std::fflush(nullptr);  // or the child would print it again
  pid_ = ::fork();
  if (pid_ == 0) {
    ::close(go[1]);
    ::close(out[0]);
    serve(job, go[0], out[1]);
  }
  ::close(go[0]);
  ::close(out[1]);
  go_ = go[1];
  in_ = out[0];
  if (pid_ < 0) {
    const std::string why = std::strerror(errno);
    close_if_open(go_);
    close_if_open(in_);
    throw error(errc::io_error, "no process for " + name_ + ": " + why);
  }
}

child_process::child_process(child_process&& other) noexcept
    : name_(std::move(other.name_)),
      pid_(std::exchange(other.pid_, -1)),
      go_(std::exchange(other.go_, -1)),
      in_(std::exchange(other.in_, -1)) {}

child_process::~child_process() {
  close_if_open(go_);
  close_if_open(in_);
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void child_process::serve(const work& job, int go, int out) const {
  char ready = 0;
  if (!read_all(go, &ready, 1)) ::_exit(0);  // the parent has gone, or does not need this child
  std::string answer;
  char kind = 'e';
  try {
    answer = job([out](const tandem::progress_report& report) {
      const std::array<std::uint64_t, 2> numbers = {report.done, report.total};
      return send(out, 'p', {reinterpret_cast<const char*>(numbers.data()), sizeof numbers});
    });
    kind = 'r';
  } catch (const error& e) {
    answer = coded(e.code(), e.what());
  } catch (const std::bad_alloc&) {
    answer = coded(errc::wrong_state, "out of memory; give the process more, or a shorter log");
  } catch (const std::exception& e) {
    answer = coded(errc::wrong_state, e.what());
  }
  ::_exit(send(out, kind, answer) ? 0 : 1);
}

std::string child_process::run(const tandem::progress& callback) {
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);  // a child that died already must not end us
  const char ready = 1;
  const bool told = write_all(go_, &ready, 1);
  ::sigaction(SIGPIPE, &before, nullptr);
  header head;
  while (told && read_all(in_, &head, sizeof head)) {
    std::string bytes(head.size, '\0');
    if (!read_all(in_, bytes.data(), bytes.size())) break;
    if (head.kind == 'r') return bytes;
    if (head.kind == 'e') {
      throw error(static_cast<errc>(bytes.at(0)), name_ + ": " + bytes.substr(1));
    }
    std::array<std::uint64_t, 2> numbers{};
    std::memcpy(numbers.data(), bytes.data(), std::min(bytes.size(), sizeof numbers));
    tandem::report_progress(callback, {name_, numbers[0], numbers[1]});
  }
  throw error(errc::wrong_state, name_ + " " + cause_of_death());
}

std::string child_process::cause_of_death() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    std::string text = "was ended by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
    if (signal == SIGKILL) text += "; the system may have run out of memory";
    return text;
  }
  return "ended without a result, with exit code " + std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

double peak_rss_mb() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
  return static_cast<double>(usage.ru_maxrss) * 1e-6;
#else
  return static_cast<double>(usage.ru_maxrss) * 1024e-6;
#endif
}

}  // namespace tandem_cli
