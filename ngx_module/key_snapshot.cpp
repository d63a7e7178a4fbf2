/*
 * A snapshot is written beside the old one and renamed, after it has reached the disk:
 * a crash leaves the old one or the new one. The checksum tells of disks and of people.
 */

#include "ngx_module/key_snapshot.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr std::string_view magic = "errtrack-keys 1 ";
constexpr std::size_t last_line = 15;       /* "crc32 XXXXXXXX" and a line feed */

class File {
public:
    File(const std::string &path, int flags) noexcept
        : fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, 0600)) {}
    ~File()
    {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    File(const File &) = delete;
    File &operator=(const File &) = delete;

    int fd() const noexcept { return fd_; }

private:
    int fd_;
};

std::array<char, last_line + 1> checksum_line(std::string_view text) noexcept
{
    std::array<char, last_line + 1> line;
    auto *bytes = reinterpret_cast<const Bytef *>(text.data());
    std::snprintf(line.data(), line.size(), "crc32 %08lx\n", crc32_z(0, bytes, text.size()));
    return line;
}

/* A line feed would end the line; in JSON it is a blank. */
void append_line(std::string &text, std::string_view line)
{
    text.append(line);
    std::replace(text.end() - static_cast<std::ptrdiff_t>(line.size()), text.end(), '\n', ' ');
}

int write_all(int fd, std::string_view text) noexcept
{
    while (!text.empty()) {
        ssize_t wrote = ::write(fd, text.data(), text.size());
        if (wrote < 0 && errno != EINTR) {
            return errno;
        }
        text.remove_prefix(wrote > 0 ? static_cast<std::size_t>(wrote) : 0);
    }
    return ::fdatasync(fd) == 0 ? 0 : errno;
}

}

std::string begin_snapshot(std::string_view generation)
{
    std::string text(magic);
    append_line(text, generation);
    return text.append("\n");
}

void append_snapshot(std::string &text, std::string_view name, std::string_view json)
{
    text.append(name).append(" ");
    append_line(text, json);
    text.append("\n");
}

void end_snapshot(std::string &text)
{
    text.append(checksum_line(text).data(), last_line);
}

std::optional<std::string_view> snapshot_lines(std::string_view text) noexcept
{
    if (text.size() < magic.size() + last_line || text.substr(0, magic.size()) != magic) {
        return std::nullopt;
    }
    std::string_view content = text.substr(0, text.size() - last_line);
    std::size_t head = content.find('\n');
    if (head == std::string_view::npos || content.back() != '\n'
        || text.substr(content.size()) != std::string_view(checksum_line(content).data(), last_line))
    {
        return std::nullopt;
    }
    return content.substr(head + 1);
}

bool next_field(std::string_view &lines, std::string_view &name, std::string_view &json) noexcept
{
    if (lines.empty()) {
        return false;
    }
    std::size_t end = std::min(lines.find('\n'), lines.size() - 1);
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 1);
    std::size_t blank = std::min(line.find(' '), line.size());
    name = line.substr(0, blank);
    json = line.substr(std::min(blank + 1, line.size()));
    return true;
}

int write_snapshot(const std::string &path, std::string_view text)
{
    // Several processes may write at once; each has a name of its own for it.
    std::string aside = path + "." + std::to_string(::getpid());
    ::unlink(aside.c_str());
    int error;
    {
        File file(aside, O_WRONLY | O_CREAT | O_EXCL);
        error = file.fd() < 0 ? errno : write_all(file.fd(), text);
    }
    if (error == 0 && ::rename(aside.c_str(), path.c_str()) != 0) {
        error = errno;
    }
    if (error != 0) {
        ::unlink(aside.c_str());
    }
    return error;
}

int read_snapshot(const std::string &path, std::size_t most, std::string &text)
{
    File file(path, O_RDONLY);
    struct stat info;
    if (file.fd() < 0 || ::fstat(file.fd(), &info) != 0) {
        return errno;
    }
    if (!S_ISREG(info.st_mode)) {
        return EINVAL;
    }
    if (info.st_size < 0 || static_cast<std::size_t>(info.st_size) > most) {
        return EFBIG;
    }
    text.resize(static_cast<std::size_t>(info.st_size));
    std::size_t have = 0;
    while (have < text.size()) {
        ssize_t got = ::read(file.fd(), text.data() + have, text.size() - have);
        if (got < 0 && errno != EINTR) {
            return errno;
        }
        if (got == 0) {
            break;
        }
        have += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    text.resize(have);
    return 0;
}

}
