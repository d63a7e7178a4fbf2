/*
 * Attachments: whatever a client writes about a file, the labels are harmless, and the
 * bytes are the ones that came.
 */

#include "worker/attachment.hpp"

#include <gtest/gtest.h>

#include <string>

namespace errtrack {
namespace {

using namespace std::string_literals;

std::string name_of(std::string_view name)
{
    return make_attachment(0, {name, "", ""}, "").name;
}

TEST(Attachment, ANameIsALabel)
{
    EXPECT_EQ(name_of("screenshot-1.jpg"), "screenshot-1.jpg");
    EXPECT_EQ(name_of("Fehler bei \xc3\x9c.txt"), "Fehler bei \xc3\x9c.txt");
    EXPECT_EQ(name_of("../../etc/passwd"), "passwd");
    EXPECT_EQ(name_of("C:\\Users\\ann\\crash.dmp"), "crash.dmp");
    EXPECT_EQ(name_of("a/b\\/"), "b");
    for (std::string_view none : {"", " ", ".", "..", "/", "\\", "../", "a/..", "\t"}) {
        EXPECT_EQ(name_of(none), "attachment") << none;
    }
    EXPECT_EQ(name_of("a\0b\nc\x7f"s), "a_b_c_");
    EXPECT_EQ(name_of("a\xc2\x85" "b\xe2\x80\xae" "c\xe2\x81\xa6" "d\xe2\x80\xa8" "e"), "a_b_c_d_e");
    EXPECT_EQ(name_of("\xe2\x80\x9cq\xe2\x80\x9d\xc2\xa0"), "\xe2\x80\x9cq\xe2\x80\x9d\xc2\xa0");
    EXPECT_EQ(name_of("a\xff" "b\xc3"), "a\xef\xbf\xbd" "b\xef\xbf\xbd");
}

TEST(Attachment, LabelsAreBounded)
{
    EXPECT_EQ(name_of(std::string(257, 'n')), std::string(256, 'n'));
    std::string wide;
    for (int i = 0; i < 300; i++) {
        wide += "\xf0\x9f\x92\xa5";
    }
    EXPECT_EQ(name_of(wide), wide.substr(0, 4 * 256));
    EXPECT_EQ(make_attachment(0, {"", std::string(10'000, 't'), ""}, "").content_type.size(), 256u);
    EXPECT_EQ(make_attachment(0, {"", "a/b\r\nX: y", ""}, "").content_type, "a/b__X: y");
}

TEST(Attachment, AnUnknownTypeIsAnOrdinaryFile)
{
    auto type_of = [](std::string_view type) { return make_attachment(0, {"", "", type}, "").type; };
    EXPECT_EQ(type_of(""), "event.attachment");
    EXPECT_EQ(type_of("event.novelty"), "event.attachment");
    EXPECT_EQ(type_of("event.minidump"), "event.minidump");
    EXPECT_EQ(type_of("event.view_hierarchy"), "event.view_hierarchy");
}

TEST(Attachment, BytesAreKeptAndHashed)
{
    std::string bytes;
    for (int i = 0; i < 256; i++) {
        bytes.push_back(static_cast<char>(i));
    }
    Attachment attachment = make_attachment(3, {"a", "b", "c"}, bytes);
    EXPECT_EQ(attachment.position, 3);
    EXPECT_EQ(attachment.bytes, bytes);
    EXPECT_EQ(make_attachment(0, {}, "").sha256,
              "\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24"
              "\x27\xae\x41\xe4\x64\x9b\x93\x4c\xa4\x95\x99\x1b\x78\x52\xb8\x55");
}

}
}
