#include "include/cre2.h"

#include <map>
#include <string>
#include <vector>

#include <re2/re2.h>

struct mz_re2 {
    re2::RE2 expression;
    mz_re2(re2::StringPiece pattern, const re2::RE2::Options &options) : expression(pattern, options) {}
};

namespace {

re2::RE2::Options options(int64_t memory) {
    // The defaults are Go's regexp: UTF-8, leftmost-first, `.` without the line end, Perl's classes.
    re2::RE2::Options options;
    options.set_max_mem(memory);
    // RE2 would write to standard error; reasons are returned instead.
    options.set_log_errors(false);
    return options;
}

re2::StringPiece piece(const uint8_t *octets, size_t length) {
    return re2::StringPiece(length == 0 ? "" : reinterpret_cast<const char *>(octets), length);
}

}  // namespace

extern "C" {

mz_re2 *mz_re2_compile(const uint8_t *pattern, size_t length, int64_t memory) {
    return new mz_re2(piece(pattern, length), options(memory));
}

void mz_re2_free(mz_re2 *expression) { delete expression; }

bool mz_re2_is_valid(const mz_re2 *expression) { return expression->expression.ok(); }

const char *mz_re2_reason(const mz_re2 *expression, size_t *length) {
    const std::string &text = expression->expression.error();
    *length = text.size();
    return text.data();
}

const char *mz_re2_fragment(const mz_re2 *expression, size_t *length) {
    const std::string &text = expression->expression.error_arg();
    *length = text.size();
    return text.data();
}

int mz_re2_group_count(const mz_re2 *expression) { return expression->expression.NumberOfCapturingGroups(); }

const char *mz_re2_group_name(const mz_re2 *expression, int number, size_t *length) {
    const std::map<int, std::string> &names = expression->expression.CapturingGroupNames();
    auto found = names.find(number);
    if (found == names.end()) return nullptr;
    *length = found->second.size();
    return found->second.data();
}

bool mz_re2_match(const mz_re2 *expression, const uint8_t *text, size_t length, mz_re2_range *ranges, int count) {
    re2::StringPiece input = piece(text, length);
    // Most patterns have few groups, which then cost no allocation.
    re2::StringPiece few[16];
    std::vector<re2::StringPiece> many;
    re2::StringPiece *groups = few;
    if (count > 16) {
        many.resize(count);
        groups = many.data();
    }
    if (!expression->expression.Match(input, 0, length, re2::RE2::UNANCHORED, groups, count)) return false;
    for (int i = 0; i < count; i++) {
        if (groups[i].data() == nullptr) {
            ranges[i].start = ranges[i].end = -1;
        } else {
            ranges[i].start = groups[i].data() - input.data();
            ranges[i].end = ranges[i].start + static_cast<ptrdiff_t>(groups[i].size());
        }
    }
    return true;
}

}  // extern "C"
