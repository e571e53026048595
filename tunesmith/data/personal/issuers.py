"""How the keys of the usual issuers look: a prefix that nobody else uses, a length, an alphabet.

Sources: the issuers' documentation and their entries with GitHub's secret scanning partners. A prefix is looked for first (`MARKS`), so that a text
without one costs three microseconds.
"""

from __future__ import annotations

import re

_W = "[A-Za-z0-9_-]"
_A = "[A-Za-z0-9]"
KEYS = {
    "sk-": rf"sk-(?:proj-|svcacct-|admin-|ant-[a-z0-9]{{2,8}}-|or-v1-|lf-)?{_W}{{20,200}}",  # OpenAI, Anthropic, OpenRouter, Langfuse
    "AKIA": "AKIA[A-Z2-7]{16}",  # Amazon
    "ASIA": "ASIA[A-Z2-7]{16}",
    "AIza": f"AIza{_W}{{35}}",  # Google
    "ya29.": rf"ya29\.{_W}{{30,500}}",
    "GOCSPX-": f"GOCSPX-{_W}{{28}}",
    "ghp_": f"ghp_{_A}{{36,255}}",  # GitHub
    "gho_": f"gho_{_A}{{36,255}}",
    "ghu_": f"ghu_{_A}{{36,255}}",
    "ghs_": f"ghs_{_A}{{36,255}}",
    "ghr_": f"ghr_{_A}{{36,255}}",
    "github_pat_": "github_pat_[A-Za-z0-9_]{60,255}",
    "glpat-": rf"glpat-{_W}{{20}}(?:[A-Za-z0-9_.-]{{0,280}}{_W})?",  # GitLab
    "glptt-": f"glptt-{_W}{{20,64}}",
    "xox": "xox[abeoprs](?:-[A-Za-z0-9]{4,80}){2,6}",  # Slack
    "xapp-": "xapp-[0-9]-[A-Z0-9]{8,14}-[0-9]{8,16}-[a-f0-9]{40,80}",
    "hooks.slack.com/": rf"hooks\.slack\.com/(?:services|workflows|triggers)/T{_A}{{6,12}}/B?{_A}{{6,14}}/{_A}{{16,64}}",
    "discord.com/api/webhooks/": rf"discord\.com/api/webhooks/[0-9]{{17,20}}/{_W}{{60,80}}",
    "hf_": f"hf_{_A}{{30,64}}",  # Hugging Face
    "k_live_": f"[srp]k_live_{_A}{{20,250}}",  # Stripe
    "k_test_": f"[sr]k_test_{_A}{{20,250}}",
    "whsec_": "whsec_[A-Za-z0-9+/=]{28,64}",
    "npm_": f"npm_{_A}{{36}}",
    "pypi-": f"pypi-{_W}{{50,300}}",
    "rubygems_": "rubygems_[a-f0-9]{48}",
    "SG.": rf"SG\.{_W}{{20,24}}\.{_W}{{39,50}}",  # SendGrid
    "key-": "key-[a-f0-9]{32}",  # Mailgun
    "-us": "[a-f0-9]{32}-us[0-9]{1,2}",  # Mailchimp
    "SK": "SK[a-f0-9]{32}",  # Twilio
    "dop_v1_": "dop_v1_[a-f0-9]{64}",  # DigitalOcean
    "doo_v1_": "doo_v1_[a-f0-9]{64}",
    "dapi": "dapi[a-f0-9]{32}(?:-[0-9])?",  # Databricks
    "shp": "shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",  # Shopify
    "sq0": f"sq0(?:atp|csp|idp)-{_W}{{22,43}}",  # Square
    ":AA": f"[0-9]{{8,10}}:AA{_W}{{33}}",  # Telegram
    "AccountKey=": r"AccountKey=[A-Za-z0-9+/]{86}==",  # Azure
    "sig=": r"[?&]sig=[A-Za-z0-9%]{43,60}",
    "gsk_": f"gsk_{_A}{{40,64}}",  # Groq
    "r8_": f"r8_{_A}{{37}}",  # Replicate
    "pplx-": f"pplx-{_A}{{40,64}}",
    "xai-": f"xai-{_A}{{60,100}}",
    "tvly-": f"tvly-(?:dev-|prod-)?{_A}{{28,40}}",
    "pcsk_": "pcsk_[A-Za-z0-9_]{50,90}",  # Pinecone
    "lsv2_": "lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}",  # LangSmith
    "lin_api_": f"lin_api_{_A}{{40}}",  # Linear
    "ntn_": f"ntn_{_A}{{40,50}}",  # Notion
    "secret_": f"secret_{_A}{{43}}",
    "PMAK-": "PMAK-[a-f0-9]{24}-[a-f0-9]{34}",  # Postman
    "dp.": rf"dp\.(?:pt|st|ct|sa|scim|audit)\.{_W}{{40,44}}",  # Doppler
    "NRAK-": "NRAK-[A-Z0-9]{27}",  # New Relic
    "sntry": r"sntry[su]_[A-Za-z0-9+/=_]{60,250}",  # Sentry
    "hvs.": rf"hvs\.{_W}{{24,200}}",  # Vault
    "hvb.": rf"hvb\.{_W}{{100,300}}",
    ".atlasv1.": rf"{_A}{{14}}\.atlasv1\.{_W}{{60,70}}",  # Terraform
    "AGE-SECRET-KEY-1": "AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
    "dckr_": f"dckr_[po]at_{_W}{{27,40}}",  # Docker
    "pscale_": r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,64}",  # PlanetScale
    "sbp_": "sbp_[a-f0-9]{40}",  # Supabase
    "sb_secret_": f"sb_secret_{_W}{{20,60}}",
    "glc_": r"glc_[A-Za-z0-9+/]{32,400}={0,2}",  # Grafana
    "glsa_": f"glsa_{_A}{{32}}_[A-Fa-f0-9]{{8}}",
    "ATATT3": r"ATATT3[A-Za-z0-9_=-]{180,220}",  # Atlassian
    "ATBB": f"ATBB{_A}{{32}}",
    "CLOJARS_": "CLOJARS_[a-z0-9]{60}",
    "oy2": "oy2[a-z0-9]{43}",  # NuGet
    "HRKU-": f"HRKU-{_W}{{36,70}}",  # Heroku
    "EAA": f"EAA{_A}{{100,300}}",  # Meta
    "FlyV1 ": r"FlyV1 fm[12][a-z]?_[A-Za-z0-9+/=,_]{80,800}",
    "pat-": "pat-(?:na|eu)1-[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}",  # HubSpot
    "eyJ": rf"eyJ{_W}{{10,4000}}\.(?:eyJ|e30){_W}{{0,8000}}\.{_W}{{10,2000}}",  # JSON web token
}
"""Mark → pattern. The mark stands in every key of the pattern."""
PATTERNS = {mark: re.compile(rf"(?<![A-Za-z0-9_-])(?:{pattern})(?![A-Za-z0-9])") for mark, pattern in KEYS.items()}
