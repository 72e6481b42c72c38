"""Every word on a terminal's screen, in Chinese and English; and for every refusal what it is and what cures it.

Braces name what is filled in. The phrase for a doubt carries both languages: it is read by patrons too.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, unique
from typing import NamedTuple

from firmware.config import Language
from onecard.kinds import CardKind, DeclineReason
from onecard.tariff import Reason


class Text(NamedTuple):
    """One thing said in both languages."""

    chinese: str
    english: str

    def say(self, language: Language, **filled: object) -> str:
        """The text in `language` with its braces filled in."""
        text = self.chinese if language is Language.CHINESE else self.english
        return text.format_map(filled)


@unique
class Phrase(Enum):
    """What screens say."""

    SIGN_ON = Text("请签到", "Sign on")
    TAP_STAFF_CARD = Text("请刷收费员卡", "Tap a cashier card")
    SIGN_ON_REFUSED = Text("不能签到", "Not signed on")
    WELCOME = Text("已签到", "Signed on")
    SHIFT_OPENED = Text("班次 {shift} · 营业日 {day}", "Shift {shift} · business day {day}")
    READY = Text("售票", "Tickets")
    CHOOSE_FILM = Text("按影片类别键", "Press the film class")
    FILM = Text("{key} {name} {price}", "{key} {name} {price}")
    NO_TARIFF = Text("尚无价目表,请联网", "No tariff yet: connect the line")
    NO_SUCH_FILM = Text("没有影片类别 {digit}", "There is no film class {digit}")
    CHOOSE_TICKETS = Text("按张数,再按确认", "Press tickets, then OK")
    TICKETS = Text("{name} × {tickets} 张", "{name} × {tickets}")
    PRESS_OK = Text("按确认,再刷卡", "Press OK, then tap")
    TAP_CARD = Text("请刷卡", "Tap a card")
    EARLY_CARD = Text("请先选影片", "Choose a film first")
    PAID = Text("已付款", "Paid")
    FREE = Text("免费入场", "Free entry")
    BALANCE = Text("余额 {balance}", "Balance {balance}")
    WAS = Text("原价 {price}", "List price {price}")
    ALREADY_PAID = Text("已付过款", "Already paid")
    TAKE_CARD = Text("请取走卡", "Take the card away")
    REFUSED = Text("未扣款", "Not charged")
    ONE_MOMENT = Text("请稍候", "One moment")
    IN_DOUBT = Text("请再刷一次 · tap again", "Tap again · 请再刷一次")
    SAME_CARD = Text("请将同一张卡再放好,不会重复扣款", "The same card once more: it is never charged twice")
    CANCEL_DOUBT = Text("按取消放弃,{seconds} 秒后自动放弃", "Cancel gives up; gives up in {seconds} s")
    STILL_IN_DOUBT = Text("上一笔仍存疑", "The sale is still in doubt")
    ABANDONED = Text("交易未完成", "Sale not completed")
    NO_GOODS = Text("不出票;若已扣款将自动退回卡内", "No goods; if it was debited, it comes back to the card")
    FIRST_ABANDONED = Text("前一张卡的存疑交易已放弃", "The doubtful sale of the card before was given up")
    DROPPED = Text("已取消", "Cancelled")
    INQUIRY = Text("查询余额", "Balance")
    CARD = Text("卡号 {number}", "Card {number}")
    LOADED = Text("充值已写入卡", "A top-up was put on the card")
    TOTALS = Text("班次 {shift} 合计", "Shift {shift} totals")
    TOTAL_PAID = Text("已付 {count} 笔 {amount}", "Paid {count}: {amount}")
    TOTAL_ABANDONED = Text("放弃 {count} 笔 {amount}", "Given up {count}: {amount}")
    TOTAL_DECLINED = Text("拒绝 {count} 次", "Declined {count}")
    STATUS = Text("终端状态", "Status")
    SYNC_KEY = Text("确认 = 立即上传,取消 = 返回", "OK sends now, cancel goes back")
    SYNC_ASKED = Text("已要求立即上传", "Asked to send now")
    CONTACT = Text("上次联络 {age}前", "Server answered {age} ago")
    NO_CONTACT = Text("服务器从未应答", "The server never answered")
    LOWERED = Text("黑名单或价目表过期:限额降为 1/{divisor}", "Hotlist or tariff too old: limits are 1/{divisor}")
    NO_TABLES = Text("尚无下行表", "No tables yet")
    STATION = Text("终端 {terminal} · 软件 {software}", "Terminal {terminal} · software {software}")
    VERSION_TARIFF = Text("价目表 {version}", "tariff {version}")
    VERSION_HOTLIST = Text("黑名单 {version}", "hotlist {version}")
    VERSION_CERTIFICATES = Text("凭证 {version}", "certificates {version}")
    VERSION_STATE = Text("状态表 {version}", "state {version}")
    VERSION_SETTINGS = Text("设置 {version}", "settings {version}")
    VERSION_KEYS = Text("密钥 {version}", "keys {version}")
    CLOSING = Text("签退?", "Sign off?")
    CONFIRM_CLOSING = Text("确认 = 签退,取消 = 返回", "OK signs off, cancel goes back")
    TAP_AUTHORISATION = Text("请刷授权卡,开启或关闭采集口", "Tap an authorisation card to open or close the port")
    NOT_AUTHORISED = Text("未授权", "Not authorised")
    PORT_OPENED = Text("采集口已开启", "Port opened")
    PORT_CLOSED = Text("采集口已关闭", "Port closed")
    PORT_OPEN = Text("采集口开启中,还剩 {minutes} 分", "Courier's port open, {minutes} min left")
    PORT_CONNECT = Text("请接采集电脑或插入采集盘", "Connect the laptop, or put in the stick")
    OUT_OF_SERVICE = Text("暂停服务", "Out of service")
    UNSENT_MONEY = Text(
        "未上传金额已达上限,请联网或人工采集", "Too much not uploaded: connect the line or collect by laptop"
    )
    UNSENT_TIME = Text(
        "太久未上传,请联网或人工采集", "Not uploaded for too long: connect the line or collect by laptop"
    )
    JOURNAL_FULL = Text("流水已存满,请联网或人工采集", "The journal is full: connect the line or collect by laptop")
    ROOM_WARN = Text("流水已存七成,请联网上传", "The journal is 70 % full: connect the line")
    ROOM_COURIER = Text("流水将满,请立即人工采集", "The journal is 90 % full: collect it by laptop now")
    BROKEN = Text("存储故障", "Storage failed")
    BROKEN_CURE = Text(
        "停止售票,采集流水,更换存储,再重启", "Sell nothing; collect the journal, replace the disk, restart"
    )
    STOPPED = Text("已停机", "Stopped")
    READER_LOST = Text("读卡器无应答,检查接线", "The card reader does not answer: check its cable")
    KEYPAD_LOST = Text("键盘未连接", "No keypad")
    STATUS_ONLINE = Text("在线", "Online")
    STATUS_OFFLINE = Text("离线", "Offline")
    STATUS_QUEUE = Text("待传 {count}", "{count} to send")
    STATUS_OLDEST = Text("最早 {age}", "oldest {age}")
    STATUS_HOTLIST = Text("黑名单 {age}", "hotlist {age}")
    STATUS_NO_HOTLIST = Text("无黑名单", "no hotlist")
    STATUS_ROOM = Text("余量 {percent}%", "room {percent}%")
    STATUS_REFUSED_FILE = Text("下行文件有误: {name}", "bad file: {name}")
    STATUS_TABLES_LACKING = Text("下行表未存盘", "tables not kept")
    STATUS_WARN = Text("请尽快上传", "upload soon")
    STATUS_LOWERED = Text("限额已降低", "limits lowered")
    STATUS_CLOCK = Text("时钟不可信", "clock not trusted")
    MINUTES = Text("{count} 分", "{count} min")
    HOURS = Text("{count} 小时", "{count} h")
    DAYS = Text("{count} 天", "{count} d")

    def say(self, language: Language, **filled: object) -> str:
        """The phrase in `language` with its braces filled in."""
        return self.value.say(language, **filled)


class Refusal(NamedTuple):
    """Why a card was refused, and what to do."""

    what: Text
    cure: Text


REFUSALS: Mapping[DeclineReason, Refusal] = {
    DeclineReason.TWO_CARDS: Refusal(
        Text("有两张卡", "Two cards"), Text("请只放一张卡", "Present one card alone, out of the wallet")
    ),
    DeclineReason.FOREIGN_CARD: Refusal(
        Text("不是本系统的卡", "Not a OneCard"), Text("请刷一卡通", "Present a OneCard of this chain")
    ),
    DeclineReason.UNREADABLE_RING: Refusal(
        Text("卡内记录不可读", "The card cannot be read"), Text("请到服务台换卡", "Take it to the desk")
    ),
    DeclineReason.CARD_BEHIND: Refusal(
        Text("卡内数据陈旧", "The card states an old balance"), Text("请到服务台核查", "Take it to the desk")
    ),
    DeclineReason.NEEDS_UPDATE: Refusal(
        Text("卡需要更新", "The card needs an update"),
        Text("终端联网后再刷", "Tap again when this terminal has been online"),
    ),
    DeclineReason.SHORT_OF_MONEY: Refusal(
        Text("余额不足", "Not enough on the card"), Text("请充值或换卡", "Top up, or take another card")
    ),
    DeclineReason.HOTLISTED: Refusal(
        Text("此卡已挂失或停用", "This card is stopped"), Text("请到服务台", "Take it to the desk")
    ),
    DeclineReason.EXPIRED: Refusal(
        Text("此卡已过期", "This card has expired"), Text("请到服务台延期", "Have it extended at the desk")
    ),
    DeclineReason.WRONG_KIND: Refusal(
        Text("卡种不符", "Wrong kind of card"), Text("请刷适用的卡", "Present a card meant for this")
    ),
    DeclineReason.BAD_CERTIFICATE: Refusal(
        Text("充值凭证无效", "The load certificate is not valid"), Text("请到服务台核查", "Take it to the desk")
    ),
    DeclineReason.CARD_MOVED: Refusal(
        Text("卡移动过早", "The card was moved too early"), Text("请放稳再刷", "Tap again and keep it still")
    ),
    DeclineReason.OFFLINE_CAP: Refusal(
        Text("离线限额已用完", "The offline limit of this card is used up"),
        Text("终端联网后再刷,或用现金", "Tap when this terminal has been online, or pay in cash"),
    ),
    DeclineReason.WORN_OUT: Refusal(
        Text("卡已用尽", "The card is worn out"), Text("请到服务台换卡", "Have it replaced at the desk")
    ),
    DeclineReason.NO_PRICE: Refusal(
        Text("没有价格", "No price"), Text("请重选影片,或联网取价目表", "Choose again, or fetch the tariff")
    ),
    DeclineReason.OUT_OF_SERVICE: Refusal(
        Text("终端暂停服务", "This terminal is out of service"), Text("请用另一台终端", "Use another terminal")
    ),
    DeclineReason.TAMPERED: Refusal(
        Text("卡内数据自相矛盾", "The card contradicts itself"), Text("请到服务台核查", "Take it to the desk")
    ),
}

PRICE_REASONS: Mapping[Reason, Text] = {
    Reason.LIST: Text("原价", "List price"),
    Reason.DISCOUNT: Text("会员 {percent}%", "Member {percent}%"),
    Reason.FLOOR: Text("最低限价", "Lowest price allowed"),
    Reason.CLOCK: Text("时钟不可信,按原价", "Clock not trusted: list price"),
}

CARD_KINDS: Mapping[CardKind, Text] = {
    CardKind.STORED_VALUE: Text("储值卡", "Stored-value card"),
    CardKind.FREE: Text("免费卡", "Free card"),
    CardKind.CASHIER: Text("收费卡", "Cashier card"),
    CardKind.OPERATOR: Text("操作卡", "Operator card"),
    CardKind.AUTHORISATION: Text("授权卡", "Authorisation card"),
}
