"""The chain's 22 cinemas: code, Chinese name, English name."""

from __future__ import annotations

CINEMAS = (
    ("XDA", "新东安", "Xindong'an"),
    ("WDK", "五道口", "Wudaokou"),
    ("CHG", "长虹", "Changhong"),
    ("SDS", "首都时代", "Capital Times"),
    ("DHA", "大华", "Dahua"),
    ("GAM", "广安门", "Guang'anmen"),
    ("XGG", "西宫", "Xigong"),
    ("DZL", "地质礼堂", "Geology Hall"),
    ("SLI", "胜利", "Shengli"),
    ("HLO", "红楼", "Honglou"),
    ("QNG", "青年宫", "Youth Palace"),
    ("ZGG", "紫光", "Ziguang"),
    ("DHN", "东环", "Donghuan"),
    ("YXI", "影协", "Yingxie"),
    ("CJU", "朝剧", "Chaoju"),
    ("FHY", "枫花园", "Maple Garden"),
    ("ZHA", "中华", "Zhonghua"),
    ("JSG", "劲松", "Jinsong"),
    ("GCG", "古城", "Gucheng"),
    ("HXG", "华星", "Huaxing"),
    ("ZYG", "中影", "China Film"),
    ("BJJ", "北京剧院", "Beijing Theatre"),
)
