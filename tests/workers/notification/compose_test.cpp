#include "workers/notification/compose.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "tests/support/source_path.h"
#include "tests/workers/notification/events.h"
#include "workers/notification/templates.h"

namespace tenantry::notification::compose_test {
namespace {

const char* const url = "https://app.tenantry.example";
const crypto::LinkTokens tokens{crypto::MasterKey::from_base64(to_base64(Bytes(32, 7))).value()};

Reader reader(const std::string& locale) {
  return {.email = "zoe@acme.example", .first_name = "Zoé", .locale = locale};
}

Mail mail_of(const events::Event& event, const std::string& locale) {
  const auto notice = notice_for(event, locale).value();
  return {.from = "no-reply@tenantry.example",
          .to = "zoe@acme.example",
          .text = render(notice, reader(locale), "Société Générale d'Exemples", url, tokens),
          .notification_id = notification_id(event, notice.template_name, "zoe@acme.example"),
          .date = event.time};
}

// The golden files end lines with LF; a mail with CRLF, and no line of it otherwise.
std::string golden(const std::string& name) {
  std::ifstream in(source_path("tests/data/mail/") + name);
  std::string out;
  for (std::string line; std::getline(in, line);) out += line + "\r\n";
  return out;
}

TEST(Compose, WritesTheWholeMail) {
  EXPECT_EQ(compose(mail_of(payment_overdue(3), "fr")).value(), golden("payment_overdue.fr.eml"));
  EXPECT_EQ(compose(mail_of(payment_overdue(3), "en")).value(), golden("payment_overdue.en.eml"));
}

TEST(Compose, IsTheSameMailForTheSameEvent) {
  EXPECT_EQ(compose(mail_of(cancelled(), "fr")).value(), compose(mail_of(cancelled(), "fr")).value());
}

TEST(NotificationId, DiffersByEventTemplateAndRecipient) {
  auto other = cancelled();
  other.id.bytes[15] ^= 1;
  const auto id = notification_id(cancelled(), "cancelled", "a@b.example");
  EXPECT_EQ(id, notification_id(cancelled(), "cancelled", "a@b.example"));
  EXPECT_NE(id, notification_id(other, "cancelled", "a@b.example"));
  EXPECT_NE(id, notification_id(cancelled(), "suspended", "a@b.example"));
  EXPECT_NE(id, notification_id(cancelled(), "cancelled", "c@b.example"));
  EXPECT_EQ(id.time(), event_time);
}

TEST(Compose, RefusesToBreakOutOfAHeader) {
  const auto refused = [](auto change) {
    auto mail = mail_of(cancelled(), "en");
    change(mail);
    return !compose(mail);
  };
  EXPECT_TRUE(refused([](Mail& mail) { mail.text.subject = "Hello\r\nBcc: all@example.com"; }));
  EXPECT_TRUE(refused([](Mail& mail) { mail.text.subject = "Hello\nBcc: all@example.com"; }));
  EXPECT_TRUE(refused([](Mail& mail) { mail.text.subject = ""; }));
  for (const auto* address : {"a@b.example\r\nBcc: c@d.example", "a@b.example>", "a@b.example, c@d.example",
                              "a b@c.example", "nobody", "@b.example", "a@", "zoé@b.example", ""}) {
    EXPECT_TRUE(refused([&](Mail& mail) { mail.to = address; })) << address;
    EXPECT_TRUE(refused([&](Mail& mail) { mail.from = address; })) << address;
  }
}

TEST(Compose, CompanyNameWithALineEndIsRefusedInTheSubject) {
  const auto notice = notice_for(suspended("admin"), "en").value();
  auto mail = mail_of(cancelled(), "en");
  mail.text = render(notice, reader("en"), "Acme\r\nBcc: all@example.com", url, tokens);
  EXPECT_FALSE(compose(mail));
}

TEST(Compose, BearsTheNameThatTheTenantSet) {
  const auto head_of = [](const std::string& name, const std::string& reply_to) {
    auto mail = mail_of(cancelled(), "en");
    mail.sender = {.name = name, .reply_to = reply_to};
    const auto message = compose(mail).value();
    return message.substr(0, message.find("\r\nTo: "));
  };
  const std::string from = "From: ";
  const std::string address = "\r\n <no-reply@tenantry.example>";
  EXPECT_EQ(head_of("Acme", "help@acme.example"),
            from + "\"Acme via Tenantry\"" + address + "\r\nReply-To: <help@acme.example>");
  EXPECT_EQ(head_of("Smith \"& Sons\", Ltd (UK) <x>", ""),
            from + "\"Smith \\\"& Sons\\\", Ltd (UK) <x> via Tenantry\"" + address);
  EXPECT_EQ(head_of("Électre", ""), from + "=?UTF-8?B?w4lsZWN0cmUgdmlhIFRlbmFudHJ5?=" + address);
  EXPECT_EQ(head_of("=?UTF-8?B?eA==?=", ""), from + "=?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PSB2aWEgVGVuYW50cnk=?=" + address)
      << "what looks encoded is text";
  EXPECT_EQ(head_of("evil.example", ""), from + "\"evil. example via Tenantry\"" + address);
}

// Its mails matter more than how they look.
TEST(Compose, LeavesOutOfTheSenderWhatNoHeaderCanSay) {
  auto mail = mail_of(cancelled(), "en");
  const auto ours = compose(mail).value();
  for (const auto* name : {"", "Acme\r\nBcc: all@example.com", "Acme\x7f"}) {
    for (const auto* reply_to :
         {"", "nobody", "é@acme.example", "a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example"}) {
      mail.sender = {.name = name, .reply_to = reply_to};
      EXPECT_EQ(compose(mail).value(), ours) << name << reply_to;
    }
  }
}

TEST(Compose, KeepsLinesWithinTheirLimits) {
  auto mail = mail_of(cancelled(), "en");
  mail.text = {std::string(150, 'x') + std::string("é"), std::string(300, '=') + " \n.\n" + std::string(200, 'y')};
  mail.sender.name = std::string(99, 'n') + "é";
  const auto message = compose(mail).value();
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 78U) << line;
  EXPECT_NE(message.find("=20\r\n.\r\n"), std::string::npos);
}

// What a tenant wrote is text, never a template.
TEST(Render, TakesValuesAsTheyAre) {
  const auto text = render(notice_for(cancelled(), "en").value(), reader("en"), "{{url}} <b>&", url, tokens);
  EXPECT_NE(text.body.find("The subscription of {{url}} <b>& is cancelled"), std::string::npos);
}

// Who signs up with another's address says nothing to that person by our mail.
TEST(Render, TheFirstMailHoldsNoStrangersWord) {
  for (const auto& event : {trial_started(), address_known()}) {
    for (const auto* locale : {"fr", "en"}) {
      const Reader stranger{.email = "victim@example.org", .first_name = "Zorro", .locale = locale};
      const auto text = render(notice_for(event, locale).value(), stranger, "Quux http://evil.example/x", url, tokens);
      const auto all = text.subject + text.body;
      for (const char* word : {"Zorro", "Quux", "evil"}) EXPECT_EQ(all.find(word), all.npos) << all;
      EXPECT_NE(text.body.find("acme"), std::string::npos);  // the tenant's id: what login needs
    }
  }
}

TEST(Render, AnInvitationHasALinkOfItsSendingAndNamesThatAreNone) {
  const auto shown = [](const events::Event& event, const std::string& locale) {
    return render(notice_for(event, locale).value(), addressee_of(event).value(), "Acme evil.example", url, tokens);
  };
  const auto event = user_invited("Marie http://evil.example", 2);
  const auto id = Uuid::parse(event.as<v1::UserInvited>().invitation_id()).value();
  const auto link = std::string(url) + "/invitation#t=" + tokens.make(crypto::LinkPurpose::invitation, id, 2);
  for (const auto* locale : {"fr", "en"}) {
    const auto text = shown(event, locale);
    EXPECT_NE(text.body.find(link), text.body.npos) << text.body;
    EXPECT_NE(text.body.find("Marie http"), text.body.npos) << text.body;
    EXPECT_EQ((text.subject + text.body).find("evil.example"), text.body.npos) << text.body;
  }
  EXPECT_NE(shown(event, "fr").body.find("responsable"), std::string::npos);
  EXPECT_NE(shown(event, "en").body.find("as manager"), std::string::npos);
  EXPECT_NE(shown(user_invited("", 1), "en").body.find("You are invited"), std::string::npos);
  EXPECT_EQ(shown(user_invited("", 1), "en").body.find(link), std::string::npos);  // another sending, another token
  EXPECT_EQ(addressee_of(event)->email, "paul@durand.example");
  EXPECT_EQ(addressee_of(event)->locale, "en");
  EXPECT_FALSE(addressee_of(cancelled()));
}

TEST(Render, NoNameBecomesALink) {
  const auto shown = [](const std::string& name) {
    const auto text = render(notice_for(cancelled(), "en").value(), reader("en"), name, url, tokens);
    constexpr std::string_view before = "The account of ";
    return text.subject.substr(before.size(),
                               text.subject.size() - before.size() - std::string(" is cancelled").size());
  };
  EXPECT_EQ(shown("win at evil.example now"), "win at evil. example now");
  for (const char* name : {"http://evil.example/x", "https:evil.example", "www.evil.example", "me@evil.example",
                           "\u00E9v\u00EFl.example"}) {
    EXPECT_EQ(shown(name).find("://"), std::string::npos) << shown(name);
    EXPECT_EQ(shown(name).find("l.example"), std::string::npos) << shown(name);
    EXPECT_EQ(shown(name).find('@'), std::string::npos) << shown(name);
  }
  for (const char* name : {"S.A.R.L. Dupont & Fils", "J. Martin", "Acme: bakers", "No. 5", "L'\u00C9picerie du Coin"}) {
    EXPECT_EQ(shown(name), name);
  }
}

TEST(Render, SaysWhySuspendedAndWhatForReactivated) {
  const auto body = [](const events::Event& event) { return mail_of(event, "en").text.body; };
  EXPECT_NE(body(suspended("payment_failed")).find("Despite our reminders"), std::string::npos);
  EXPECT_EQ(body(suspended("payment_failed")).find("by our team"), std::string::npos);
  EXPECT_NE(body(suspended("abuse")).find("by our team"), std::string::npos);
  EXPECT_NE(body(activated("TRIAL")).find("Thank you"), std::string::npos);
  EXPECT_NE(body(activated("SUSPENDED")).find("active again"), std::string::npos);
  EXPECT_NE(body(invoice_issued()).find("To see it: https://invoice.stripe.com/i/1"), std::string::npos);
  EXPECT_NE(body(invoice_issued("")).find("To see it: https://app.tenantry.example/console/invoices"),
            std::string::npos);
  EXPECT_EQ(mail_of(payment_overdue(0), "en").text.subject, "Your payment has failed");
  EXPECT_EQ(mail_of(payment_overdue(7), "en").text.subject, "Reminder: payment overdue for 7 days");
}

// What is never reset counts from 1970 on, which is nobody's business.
TEST(Render, NamesNoDayWhereUsageIsNeverReset) {
  for (const auto* locale : {"fr", "en"}) {
    for (const auto& [of_a_month, of_all_time] : {std::pair{threshold_reached(80), threshold_reached(80, {})},
                                                  {threshold_reached(100), threshold_reached(100, {})},
                                                  {limit_exceeded(), limit_exceeded({})}}) {
      EXPECT_NE(mail_of(of_a_month, locale).text.body.find("2026"), std::string::npos) << of_a_month.type;
      const auto body = mail_of(of_all_time, locale).text.body;
      for (const auto* word : {"1970", "since", "depuis"}) EXPECT_EQ(body.find(word), std::string::npos) << body;
    }
  }
}

TEST(Render, FillsEveryTemplateInBothLanguages) {
  std::set<std::string> rendered;
  for (const auto& event : {address_known(),
                            trial_started(),
                            trial_ending(),
                            suspended("trial_expired"),
                            suspended("payment_failed"),
                            suspended("admin"),
                            activated("TRIAL"),
                            activated("SUSPENDED"),
                            cancelled(),
                            payment_overdue(0),
                            payment_overdue(1),
                            payment_overdue(7),
                            threshold_reached(80),
                            threshold_reached(100),
                            limit_exceeded(),
                            invoice_issued(),
                            user_invited("Marie Martin", 1),
                            user_invited("", 1),
                            password_reset(),
                            password_changed(),
                            factor_added(),
                            factor_removed(false),
                            factor_removed(true),
                            factor_added("passkey"),
                            factor_reset("acme"),
                            factor_reset("platform"),
                            payment_method_expiring("4242"),
                            payment_method_expiring(""),
                            new_login("Mozilla/5.0"),
                            new_login(""),
                            api_key_expiring(),
                            owner_appointed("u"),
                            owner_appointed(""),
                            email_verification(),
                            email_change(),
                            email_changed(),
                            recovery_codes(),
                            recovery_code_used(9),
                            recovery_code_used(1)}) {
    for (const auto* locale : {"fr", "en"}) {
      const auto notice = notice_for(event, locale).value();
      rendered.insert(notice.template_name + "." + locale);
      const auto text = render(notice, reader(locale), "Acme", url, tokens);
      EXPECT_EQ((text.subject + text.body).find("{{"), std::string::npos) << notice.template_name;
      // A name without a value leaves two blanks, or a blank before a full stop.
      for (const auto* hole : {"  ", " .", " ,\n", "\n\n\n"}) {
        EXPECT_EQ((text.subject + "\n\n" + text.body).find(hole), std::string::npos) << text.subject << text.body;
      }
      EXPECT_TRUE(text.body.ends_with("Tenantry\n") || text.body.ends_with("team\n"));
    }
  }
  EXPECT_EQ(rendered.size(), notification_templates().size());
}

}  // namespace
}  // namespace tenantry::notification::compose_test
